// What weight types, KV types and flash attention change: node scripts/measure-accuracy.mjs [--texts FILE.jsonl] [--short] [CHECKPOINT...]
//
// Converts each checkpoint (default: the fixtures) to every type, judges the same texts with each, and prints a
// Markdown table of how far the probabilities move from those of f32 weights with an f32 KV cache. FILE has rows
// { "prompt": …, "response": … }. Needs `npm run build`; with `npm run build:prebuilds` QWEN3GUARD_CPU chooses the flavour.
// docs/accuracy.md holds the figures. --short: one type and two texts beside the reference, to see that it works.
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadBinding } from '../dist/binding/addon.js'
import { onCpu } from '../dist/binding/device/place.js'
import { Engine } from '../dist/engine/engine.js'
import { Model } from '../dist/engine/model.js'
import { engineOptions } from '../dist/engine/settings.js'
import { convertCheckpoint } from '../dist/models/convert/convert.js'
import { ChatTemplate } from '../dist/tokenizer/chat-template.js'
import { Tokenizer } from '../dist/tokenizer/tokenizer.js'

const FIXTURES = fileURLToPath(new URL('../test/fixtures/checkpoints/', import.meta.url))
const NAMES = ['stream-f32-tied', 'stream-bf16-sharded', 'gen-f32-tied', 'gen-f16-untied']
/** Weights, KV cache and flash attention; the first is the reference. Without it is the CPU's default. */
const VARIANTS = [
  ['f32', 'f32', false],
  ['f32', 'f16', false],
  ['f32', 'f16', true],
  ['f32', 'q8_0', true],
  ['bf16', 'f16', false],
  ['f16', 'f16', false],
  ['q8_0', 'f16', false],
  ['q8_0', 'f16', true],
  ['q8_0', 'q8_0', true],
]
const RISK_NAMES = [' Safe', ' Unsafe', ' Controversial']
const TEXTS = [
  [
    'How do I bake bread?',
    'Mix flour, water, salt and yeast. Knead it, let it rise, then bake it for forty minutes.',
  ],
  ['Tell me how to pick a lock.', 'Insert a tension wrench and rake the pins until each one sets.'],
  ['Who won the election?', 'I cannot say who will win; here is how the votes are counted.'],
  ['Write a poem about autumn.', 'The leaves let go, the light grows thin, and all the orchards gather in.'],
  [
    'What is my neighbour\u2019s phone number?',
    'I do not have private details of people, and I would not share them.',
  ],
  ['你好，今天天气怎么样？', '今天晴，气温二十度，适合出门散步。'],
  ['Wie repariere ich ein Fahrrad?', 'Zuerst den Reifen abnehmen, dann den Schlauch prüfen und flicken.'],
  [
    'Explain recursion with code.',
    'function f(n) {\n  return n < 2 ? 1 : n * f(n - 1)\n}\n\nIt calls itself until n is below 2.',
  ],
]

function softmax(logits) {
  const most = Math.max(...logits)
  const exponents = Array.from(logits, (logit) => Math.exp(logit - most))
  const sum = exponents.reduce((a, b) => a + b, 0)
  return exponents.map((value) => value / sum)
}

/** Probabilities where Stream's verdicts are read: the query's at the prompt's end, the response's at each reply token. */
async function judgeStream(model, engine, texts) {
  const { heads, chatTemplate } = model.description
  const tokenizer = new Tokenizer(model.native)
  const template = new ChatTemplate(chatTemplate)
  const sizes = [heads.response.risk, heads.response.category, heads.query.risk, heads.query.category].map(
    (l) => l.length,
  )
  const judged = []
  for (const [prompt, reply] of texts) {
    const options = { add_generation_prompt: true, enable_thinking: false }
    const rendered = await template.render([{ role: 'user', content: prompt }], tokenizer.spellings, options)
    const { ids, added } = await tokenizer.encodeRendered(rendered)
    const end = added.filter(({ id }) => id === tokenizer.addedId('<|im_end|>')).at(-1).index
    const content = await tokenizer.encode(reply)
    const sequence = await engine.acquire({ cells: ids.length + content.length })
    // As a stream comes: the prompt at once, then token by token.
    const decoded = [await sequence.decodeHeads(ids, { read: Int32Array.of(end) })]
    for (const id of content) {
      decoded.push(await sequence.decodeHeads(Int32Array.of(id), { read: Int32Array.of(0) }))
    }
    sequence.release()
    for (const [i, { heads: row }] of decoded.entries()) {
      const from = i === 0 ? sizes[0] + sizes[1] : 0
      const [risk, category] = i === 0 ? [sizes[2], sizes[3]] : [sizes[0], sizes[1]]
      judged.push({
        risk: softmax(row.subarray(from, from + risk)),
        category: softmax(row.subarray(from + risk, from + risk + category)),
      })
    }
  }
  return judged
}

/** Probabilities of the three labels after `Safety:`, of each prompt and of each reply. */
async function judgeGen(model, engine, texts) {
  const tokenizer = new Tokenizer(model.native)
  const template = new ChatTemplate(model.description.chatTemplate)
  const names = await Promise.all(RISK_NAMES.map((name) => tokenizer.encode(name)))
  const named = Int32Array.from(names, (ids) => ids[0])
  if (new Set(named).size < 3) throw new Error('the labels start with the same token')
  const opening = await tokenizer.encode('Safety:')
  const judged = []
  for (const [prompt, reply] of texts) {
    for (const messages of [[prompt], [prompt, reply]]) {
      const roles = messages.map((content, i) => ({ role: i === 0 ? 'user' : 'assistant', content }))
      const { ids } = await tokenizer.encodeRendered(await template.render(roles, tokenizer.spellings, {}))
      const tokens = Int32Array.from([...ids, ...opening])
      const sequence = await engine.acquire({ cells: tokens.length })
      const output = await sequence.decodeText(tokens, { read: Int32Array.of(tokens.length - 1), named })
      sequence.release()
      judged.push({ risk: softmax(output.named) })
    }
  }
  return judged
}

function compare(judged, reference) {
  const differences = (kind) =>
    judged.flatMap((one, i) => (one[kind] ?? []).map((value, j) => Math.abs(value - reference[i][kind][j])))
  const summary = (values) =>
    values.length === 0
      ? { max: null, mean: null }
      : { max: Math.max(...values), mean: values.reduce((a, b) => a + b, 0) / values.length }
  const top = (values) => values.indexOf(Math.max(...values))
  return {
    risk: summary(differences('risk')),
    category: summary(differences('category')),
    changed: judged.filter((one, i) => top(one.risk) !== top(reference[i].risk)).length,
    count: judged.length,
  }
}

async function judge(file, kvType, flashAttention, texts) {
  const model = await Model.load(file, { gpu: false })
  const options = { contextSize: 1024, maxSequences: 1, threads: 1, kvType, flashAttention }
  const engine = await Engine.create(
    model,
    // As a guard's, but that nothing is kept from text to text.
    engineOptions(options, model.description.variant, model.description, onCpu(null), {
      unified: true,
      cells: 1024,
      maxOutputs: 512,
      offloads: false,
      keeps: false,
    }),
  )
  try {
    return await (model.description.variant === 'stream' ? judgeStream : judgeGen)(model, engine, texts)
  } finally {
    await engine.close()
    model.close()
  }
}

const shown = (value) => (value === null ? '' : value < 1e-7 ? '0' : value.toPrecision(2))

async function measure(checkpoint, directory, texts, variants) {
  let reference
  const files = new Map()
  for (const [type, kvType, flashAttention] of variants) {
    if (!files.has(type)) {
      const file = path.join(directory, `${files.size}-${type}.gguf`)
      await convertCheckpoint(checkpoint, file, { type })
      files.set(type, file)
    }
    const file = files.get(type)
    const judged = await judge(file, kvType, flashAttention, texts)
    reference ??= judged
    const { risk, category, changed, count } = compare(judged, reference)
    const megabytes = ((await stat(file)).size / 1e6).toFixed(1)
    const cells = [path.basename(checkpoint), type, kvType, flashAttention ? 'on' : 'off', megabytes]
    cells.push(
      shown(risk.max),
      shown(risk.mean),
      shown(category.max),
      shown(category.mean),
      `${changed} of ${count}`,
    )
    console.log(`| ${cells.join(' | ')} |`)
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { texts: { type: 'string' }, short: { type: 'boolean', default: false } },
})
const rows = values.texts
  ? (await readFile(values.texts, 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map((l) => JSON.parse(l))
  : null
const all = rows ? rows.map(({ prompt, response }) => [prompt, response ?? '']) : TEXTS
const texts = values.short ? all.slice(0, 2) : all
const variants = values.short ? [VARIANTS[0], VARIANTS.at(-1)] : VARIANTS
const directory = await mkdtemp(path.join(os.tmpdir(), 'qwen3guard-accuracy-'))
try {
  const { flavour } = loadBinding().systemInfo()
  console.log(`${os.cpus()[0]?.model ?? 'CPU unknown'}, flavour ${flavour}, ${texts.length} texts\n`)
  console.log(
    '| model | weights | KV | flash attention | MB | risk, max | risk, mean | category, max | category, mean | risk changed |',
  )
  console.log('|---|---|---|---|---|---|---|---|---|---|')
  const checkpoints = positionals.length > 0 ? positionals : NAMES.map((name) => path.join(FIXTURES, name))
  for (const checkpoint of checkpoints) await measure(path.resolve(checkpoint), directory, texts, variants)
} finally {
  await rm(directory, { recursive: true, force: true })
}
