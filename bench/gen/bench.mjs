// npm run bench -- gen: Gen on the 0.6B shape against node-llama-cpp, and against a plain C++ loop that makes the
// same decodes over the same library. The contenders take turns, text by text.
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { GenGuard } from '../../dist/index.js'
import { installPeer } from '../install-peer.mjs'
import { buildLoopFor, Loop } from '../loop/loop.mjs'
import { describeMachine, writing } from '../machine.mjs'
import { median, percentile, quiet, share, table } from '../measure.mjs'
import { LIMIT_MS, startOptional } from '../optional.mjs'
import { demonstrationModel, padModel, shapeTitle } from '../pad-model.mjs'
import { Torch } from '../torch.mjs'
import { Contender } from './contender.mjs'
import { CONVERSATIONS, numbered, PROMPTS, SHORT } from './texts.mjs'

/** As long as the official template, whose policy text every check begins with. */
const TEMPLATE = fileURLToPath(new URL('../../test/fixtures/rendered/gen_template.jinja', import.meta.url))

/** Goals: times faster than node-llama-cpp, times the loop. */
const GOALS = { prompt: 5, response: 5, prefix: 2.5, loop: 1.1, many: 1.15 }
const MANY = 64
/** Weights of the 0.6B shape. */
const PARAMETERS = 596_049_920
/** Texts of each kind in the short form. */
const FEW = 2

/** Every input is judged once: a second time it would be found in the cache. */
let numberOf = 0
const once = (input) => numbered(input, ++numberOf)

export async function benchGen({ short, threads = 2, rounds = 3, parts = ['one', 'many'] }) {
  const peerVersion = installPeer({ short })
  const model = await padModel('gen', { short })
  const binary = buildLoopFor({ short })
  await checkPadded(model)
  const bounds = await describeMachine({ threads, short })
  const bytes = statSync(model).size
  // PyTorch has as many weights, two bytes each.
  const least = bounds && {
    q8_0: (passes) => bounds.least(passes, { bytes }),
    torch: (passes) => bounds.least(passes, { bytes: 2 * PARAMETERS, type: 'torch' }),
  }

  const options = { model, threads, chatTemplate: readFileSync(TEMPLATE, 'utf8'), gpu: false }
  const guard = await Contender.start('./guard.mjs', options)
  // The short form goes without what is not here.
  const peer =
    peerVersion &&
    (await startOptional('node-llama-cpp', () =>
      Contender.start('./node-llama-cpp.mjs', { ...options, sequences: 16 }, {}, LIMIT_MS),
    ))
  const torch = await startOptional('PyTorch', () => Torch.start({ threads, short }))
  const loop = binary && (await Loop.start(binary, model, { threads }))
  // Apart from the loop, whose cells hold the policy text.
  const raw = binary && (await Loop.start(binary, model, { threads, cells: 1024, sequences: 1 }))
  console.log(
    `${shapeTitle(short)}, Q8_0, ${threads} threads, ${rounds} rounds${peer ? `; node-llama-cpp ${peerVersion}, the same file and texts` : ''}${torch ? `; PyTorch ${torch.version}, bf16, random weights of the shape` : ''}\n`,
  )
  try {
    for (const [mode, inputs] of [
      ['prompt', PROMPTS],
      ['response', CONVERSATIONS],
    ]) {
      const some = short ? inputs.slice(0, FEW) : inputs
      if (parts.includes('one'))
        await oneAtATime(mode, some, rounds, { guard, peer, loop, raw, torch, least })
    }
    const many = short ? FEW : MANY
    if (parts.includes('many')) await manyAtOnce(Math.ceil(rounds / 3), many, { guard, peer, raw, least })
    const peaks = {
      qwen3guard: guard.peak,
      'node-llama-cpp': peer?.peak,
      PyTorch: torch?.peak,
      loop: await loop?.peak(),
    }
    const mebibytes = Object.entries(peaks)
      .filter(([, bytes]) => bytes !== undefined)
      .map(([name, bytes]) => `${name} ${(bytes / 2 ** 20).toFixed(0)} MiB`)
    console.log(`\npeak memory, file pages included: ${mebibytes.join(', ')}`)
  } finally {
    await Promise.all([guard, peer, loop, raw, torch].map((contender) => contender?.stop()))
  }
}

/** The padded model must answer as the small one does, or what follows measures nothing. */
async function checkPadded(model) {
  const [small, padded] = await Promise.all([
    GenGuard.load({ model: demonstrationModel('gen') }),
    GenGuard.load({ model, maxSequences: 4 }),
  ])
  let same = 0
  let furthest = 0
  for (const text of SHORT) {
    const [a, b] = [await small.classify(text), await padded.classify(text)]
    if (a.text === b.text) same++
    furthest = Math.max(furthest, Math.abs(a.scores.safety.Unsafe - b.scores.safety.Unsafe))
  }
  await Promise.all([small.close(), padded.close()])
  console.log(
    `the padded model answers as the demonstration model on ${same} of ${SHORT.length} texts; P(Unsafe) at most ${furthest.toExponential(1)} apart`,
  )
}

async function oneAtATime(mode, inputs, rounds, { guard, peer, loop, raw, torch, least }) {
  const times = { guard: [], peer: [], prefix: [], loop: [], prefill: [], torch: [] }
  // Least milliseconds of the same.
  const limits = { guard: [], peer: [], prefix: [], loop: [], prefill: [], torch: [] }
  const left = []
  const passes = []
  let policy
  let equal = 0
  const judge = async (input) => {
    await quiet()
    return await guard.run('one', input)
  }
  const replay = async (decodes) => {
    await quiet()
    return await loop.run(decodes)
  }
  const turn = async (question, record) => {
    const input = once(question)
    // Guard, loop, loop, guard: what the machine does slower and slower, or faster and faster, meets both alike.
    const ours = await judge(input)
    const { result: decodes } = await guard.run('decodes')
    policy = decodes.find(({ from }) => from >= 0).from
    const replays = loop && [await replay(decodes), await replay(decodes)]
    const again = await judge(once(question))
    await guard.run('decodes')
    await quiet()
    const theirs = await peer?.run('one', input)
    await quiet()
    const kept = await peer?.run('prefix', input)
    const { usage, text } = ours.result
    const toCompute = usage.promptTokens - usage.cachedTokens
    await quiet()
    const prefill = (await raw?.rates(toCompute, 0))?.prefill
    await quiet()
    const python = (await torch?.rates(toCompute, 0))?.prefill
    if (!record) return
    times.guard.push((ours.ms + again.ms) / 2)
    if (replays) times.loop.push((replays[0] + replays[1]) / 2)
    if (theirs) times.peer.push(theirs.ms)
    if (kept) times.prefix.push(kept.ms)
    if (raw) times.prefill.push(prefill)
    if (python !== undefined) times.torch.push(python)
    if (least) {
      const passes = passesOf(decodes)
      limits.guard.push(least.q8_0(passes))
      limits.loop.push(least.q8_0(passes))
      limits.prefill.push(least.q8_0([{ tokens: toCompute }]))
      limits.torch.push(least.torch([{ tokens: toCompute }]))
      if (theirs) {
        const { promptTokens, generated } = theirs.result
        limits.peer.push(least.q8_0(writing(promptTokens, generated)))
        limits.prefix.push(least.q8_0(writing(toCompute, generated)))
      }
    }
    left.push(toCompute)
    passes.push(usage.passes)
    if (text === theirs?.result.text && text === kept?.result.text) equal++
  }
  // The policy text of this mode is decoded here, once, by the guard and by the loop.
  for (const input of inputs.slice(-1)) await turn(input, false)
  for (let round = 0; round < rounds; round++) for (const input of inputs) await turn(input, true)
  // The guard offloads this mode's policy text while the other mode's is in use.
  await loop?.run([{ sequence: policy, keep: 0, from: -1, tokens: [], read: [] }])

  const against = (name) => median(times[name].map((ms, i) => ms / times.guard[i]))?.toFixed(2)
  const over = (name) => median(times[name].map((ms, i) => times.guard[i] / ms))?.toFixed(2)
  console.log(
    `\n${mode} mode, one at a time: ${median(left)} tokens left to compute, ${(passes.reduce((a, b) => a + b, 0) / passes.length).toFixed(2)} passes${peer ? `, text equal in ${equal} of ${passes.length}` : ''}`,
  )
  const rows = [
    ['qwen3guard', 'guard', ''],
    ['node-llama-cpp', 'peer', `${against('peer')}x faster (goal ${GOALS[mode]})`],
    ['node-llama-cpp, shared prefix kept', 'prefix', `${against('prefix')}x faster (goal ${GOALS.prefix})`],
    ['plain C++ loop, the same decodes', 'loop', `${over('loop')}x its time (goal ${GOALS.loop})`],
    ['raw prefill of the tokens left', 'prefill', `${over('prefill')}x its time`],
    ['PyTorch, a prefill of the tokens left alone', 'torch', `${over('torch')}x its time`],
  ]
  const bound = (key) => {
    const ms = median(limits[key])
    return ms === undefined ? ['', ''] : [ms.toFixed(0), share(ms, median(times[key]))]
  }
  table(
    ['', 'median ms', 'p95 ms', 'bound ms', 'of it', 'qwen3guard is'],
    rows
      .filter(([, key]) => times[key].length > 0)
      .map(([name, key, note]) => [
        name,
        median(times[key]).toFixed(0),
        percentile(times[key], 0.95).toFixed(0),
        ...bound(key),
        note,
      ]),
  )
  if (least) console.log(`\n${BOUND}`)
}

const BOUND =
  "The bound: the matrices' arithmetic at the measured peak of the unit, or their bytes at the memory's measured rate, of each pass whichever takes longer; of it: its share of the median."

/** What was decoded, as passes of a model. */
const passesOf = (decodes) =>
  decodes
    .filter(({ tokens }) => tokens.length > 0)
    .map(({ tokens, read }) => ({ tokens: tokens.length, read: read.length }))

/** All of it in one pass. */
const together = (passes) => [
  passes.reduce((sum, { tokens, read = 1 }) => ({ tokens: sum.tokens + tokens, read: sum.read + read }), {
    tokens: 0,
    read: 0,
  }),
]

async function manyAtOnce(rounds, count, { guard, peer, raw, least }) {
  const rates = { many: [], one: [], peer: [] }
  const limits = { many: [], one: [], peer: [] }
  let tokens = 0
  let prefill
  const half = Math.min(8, count)
  for (let round = 0; round < rounds; round++) {
    const texts = (count) => Array.from({ length: count }, (_, i) => once(PROMPTS[i % PROMPTS.length]))
    let single = 0
    const oneByOne = async (inputs) => {
      await quiet()
      for (const input of inputs) single += (await guard.run('one', input)).ms
    }
    // Half of them before and half after: the machine's speed changes within a minute.
    await oneByOne(texts(half))
    const { result: alone } = await guard.run('decodes')
    await quiet()
    const many = await guard.run('many', texts(count))
    const { result: decodes } = await guard.run('decodes')
    tokens = decodes.reduce((sum, decode) => sum + decode.tokens.length, 0)
    await oneByOne(texts(half))
    await quiet()
    const theirs = await peer?.run('many', texts(16))
    await quiet()
    prefill = await raw?.rates(512, 0)
    rates.many.push((1000 * count) / many.ms)
    rates.one.push((1000 * 2 * half) / single)
    if (theirs) rates.peer.push((1000 * 16) / theirs.ms)
    if (!least) continue
    limits.many.push((1000 * count) / least.q8_0(together(passesOf(decodes))))
    limits.one.push((1000 * half) / least.q8_0(passesOf(alone)))
    const whole = theirs?.result.flatMap(({ promptTokens, generated }) => writing(promptTokens, generated))
    if (whole) limits.peer.push((1000 * 16) / least.q8_0(together(whole)))
  }
  const best = prefill && (1000 * count) / (tokens * (prefill.prefill / 512))
  const [many, one, theirs] = [rates.many, rates.one, rates.peer].map(median)
  console.log(`\n${count} prompts at once: verdicts a second`)
  const rawBound = best && least && (1000 * count) / ((tokens / 512) * least.q8_0([{ tokens: 512 }]))
  const rows = [
    ['qwen3guard, one at a time', one, ` (goal ${GOALS.many})`, median(limits.one)],
    ['node-llama-cpp, 16 sequences', theirs, '', median(limits.peer)],
    ['raw prefill at 512 of all tokens decoded', best, '', rawBound],
  ]
  const bound = (most, rate) => (most ? [most.toFixed(2), share(rate, most)] : ['', ''])
  table(
    ['', 'verdicts/s', 'bound', 'of it', 'qwen3guard is'],
    [
      [`qwen3guard, ${count} at once`, many.toFixed(2), ...bound(median(limits.many), many), ''],
      ...rows
        .filter(([, rate]) => rate !== undefined && rate !== null)
        .map(([name, rate, goal, most]) => [
          ...[name, rate.toFixed(2), ...bound(most, rate)],
          `${(many / rate).toFixed(2)}x as many${goal}`,
        ]),
    ],
  )
}
