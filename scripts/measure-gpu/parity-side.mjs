// Child: judges everything that parity.mjs compares, on one side: the CPU, or the GPU.
import { loadEngine } from '../../dist/engine/load.js'
import { GenGuard, StreamGuard } from '../../dist/index.js'
import { promptVerdict, responseHeads } from '../../dist/stream/verdict.js'
import { mulberry32 } from './random-model.mjs'
import { deltas, inputs, pairs } from './texts.mjs'

const JUDGES = { stream: judgeStreams, gen: judgeTexts, heads: readHeads }

/** `cases`: what is judged, with the path of its `model`. Reports each as it begins and when it is done. */
export async function run({ cases, gpu }, report) {
  for (const { key, judge, model, kvType, ...how } of cases) {
    report({ begins: key })
    const load = { model, gpu, kvType, ...(kvType === 'f32' && { flashAttention: false }) }
    const started = performance.now()
    const result = await JUDGES[judge](load, how)
    report({ key, result, seconds: (performance.now() - started) / 1000 })
  }
}

/** Stream on whole replies, pushed word by word: one stream after another, then many at once. */
async function judgeStreams(load, { count, atOnce = [] }) {
  const guard = await StreamGuard.load({
    ...load,
    contextSize: 512,
    maxSequences: Math.max(1, ...atOnce),
  })
  const texts = pairs(count)
  const alone = []
  for (const text of texts) alone.push(await judgeReply(guard, text))
  const together = []
  for (const streams of atOnce) {
    const judged = await Promise.all(
      Array.from({ length: streams }, (_, i) => judgeReply(guard, texts[i % texts.length])),
    )
    together.push({ streams, ...compareAll(judged.map((own, i) => [own, alone[i % texts.length]])) })
  }
  await guard.close()
  return { verdicts: alone.flat(), together }
}

async function judgeReply(guard, { prompt, reply }) {
  const moderation = await guard.open(prompt)
  const tokens = []
  for (const delta of deltas(reply)) tokens.push(...(await moderation.push(delta)))
  tokens.push(...(await moderation.end()).rest)
  const judged = [toNumbers(moderation.prompt), ...tokens.map(toNumbers)]
  await moderation.close()
  return judged
}

function toNumbers({ probabilities, categories, risk, safety }) {
  const values = Object.values(categories)
  return {
    values: [...Object.values(probabilities), ...values],
    risk: risk ?? safety,
    category: values.indexOf(Math.max(...values)),
  }
}

/** Gen one text at a time, then all of them at once. */
async function judgeTexts(load, { count }) {
  const guard = await GenGuard.load({ ...load, contextSize: 1024, maxSequences: 32 })
  const judged = ({ text, scores, usage }) => ({
    text,
    uncertain: usage.uncertain,
    values: Object.values(scores.safety),
  })
  const texts = inputs(count)
  const alone = []
  for (const text of texts) alone.push(judged(await guard.classify(text)))
  const many = []
  for await (const verdict of guard.classifyAll(texts)) many.push(judged(verdict))
  await guard.close()
  const equal = many.filter(({ text }, i) => text === alone[i].text).length
  const together = { texts: texts.length, equal, furthest: furthestOf(many, alone) }
  return { verdicts: alone, together }
}

const furthestOf = (some, others) =>
  some.reduce((most, { values }, i) => Math.max(most, apart(values, others[i].values)), 0)

/** Largest distance between numbers that belong together. */
export const apart = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0)

/** Raw logits of a random model's heads: a prefill read at every position, then single steps. */
async function readHeads(load, { tokens, steps }) {
  const loaded = await loadEngine({ ...load, contextSize: 1024, maxSequences: 1 }, 'stream')
  const random = mulberry32(7)
  const ids = Int32Array.from({ length: tokens + steps }, () => Math.floor(300 + 9000 * random()))
  const sequence = await loaded.engine.acquire({ cells: tokens + steps })
  const all = Int32Array.from({ length: tokens }, (_, i) => i)
  const logits = [(await sequence.decodeHeads(ids.subarray(0, tokens), { read: all })).heads]
  for (let i = 0; i < steps; i++) {
    const at = ids.subarray(tokens + i, tokens + i + 1)
    logits.push((await sequence.decodeHeads(at, { read: Int32Array.of(0), priority: 0 })).heads)
  }
  sequence.release()
  const { heads } = loaded.model.description
  await loaded.close()
  const width = logits[0].length / tokens
  const verdicts = []
  for (const several of logits) {
    for (let at = 0; at < several.length; at += width) {
      const own = several.subarray(at, at + width)
      const reply = toNumbers(responseHeads(own, heads))
      const prompt = toNumbers(promptVerdict(own, heads))
      verdicts.push({ ...reply, values: [...reply.values, ...prompt.values], logits: [...own] })
    }
  }
  return { verdicts }
}

/** How far verdicts that belong together are apart, and in how many another label wins. */
export function compare(some, others) {
  if (some.length !== others.length) {
    throw new Error(`${some.length} verdicts on one side, ${others.length} on the other`)
  }
  return {
    positions: some.length,
    furthest: furthestOf(some, others),
    otherRisk: some.filter(({ risk }, i) => risk !== others[i].risk).length,
    otherCategory: some.filter(({ category }, i) => category !== others[i].category).length,
  }
}

function compareAll(couples) {
  const all = couples.map(([some, others]) => compare(some, others))
  const sum = (key) => all.reduce((total, one) => total + one[key], 0)
  return {
    positions: sum('positions'),
    furthest: Math.max(...all.map(({ furthest }) => furthest)),
    otherRisk: sum('otherRisk'),
    otherCategory: sum('otherCategory'),
  }
}
