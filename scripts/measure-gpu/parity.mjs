// The GPU's verdicts against the CPU's, with the same files: the demonstration models and the 0.6B shape. Also many
// streams at once on the GPU against each alone.
import { apart, compare } from './parity-side.mjs'
import { runPart } from './part-process.mjs'

/**
 * How far a probability may be from the CPU's, and many at once from one alone. ggml multiplies f32 weights in TF32 on
 * NVIDIA's cards (10 bits of mantissa), so that f32 is little more exact there than f16.
 */
const TOLERANCE = { f32: 5e-3, f16: 2e-2, q8_0: 2e-2 }
/** Random weights have no labels that are far apart: of them, how far a logit may be, in parts of the largest. */
const RANDOM_TOLERANCE = { f32: 5e-3, f16: 2e-2, q8_0: 5e-2 }

const TYPES = ['f32', 'f16', 'q8_0']

/**
 * `file`: what the model file is (model-files.mjs); the rest goes to parity-side.mjs. The larger shapes would keep the CPU
 * busy for minutes: with them, the demonstration models are compared.
 */
export function parityCases(shape) {
  const tiny = shape.name === 'tiny'
  const demo = TYPES.flatMap((type) => [
    {
      ...{ key: `demonstration Stream ${type}`, judge: 'stream', count: 36, atOnce: [1, 16, 256] },
      file: { kind: 'demo', variant: 'stream', type },
    },
    {
      ...{ key: `demonstration Gen ${type}`, judge: 'gen', count: 24 },
      file: { kind: 'demo', variant: 'gen', type },
    },
  ])
  const wide = [
    ...['q8_0', 'f16', 'f32'].map((type) => ({
      ...{ key: `${shape.name} random Stream ${type}`, judge: 'heads', tokens: tiny ? 64 : 384, steps: 32 },
      file: { kind: 'random', shape, type },
    })),
    ...['q8_0', 'f16'].flatMap((type) => [
      {
        ...{ key: `${shape.name} padded Gen ${type}`, judge: 'gen', count: tiny ? 6 : 12 },
        file: { kind: 'padded', variant: 'gen', shape, type },
      },
      {
        ...{ key: `${shape.name} padded Stream ${type}`, judge: 'stream', count: 6 },
        ...{ atOnce: tiny ? [1, 16] : [1, 16, 256] },
        file: { kind: 'padded', variant: 'stream', shape, type },
      },
    ]),
  ]
  const compared = tiny || shape.name === '0.6B' ? [...demo, ...wide] : demo
  return compared.map((one) => ({
    ...one,
    type: one.file.type,
    kvType: one.file.type === 'f32' ? 'f32' : 'f16',
  }))
}

/**
 * Judges on both sides, at the same time: they do not share what computes. A side that ends in one case goes on with
 * the next in a new process.
 */
export async function runParity({ cases, files, gpu, limitMs, onRow }) {
  const until = performance.now() + limitMs
  const sides = { cpu: new Map(), gpu: new Map() }
  const failures = new Map()
  const compared = new Set()
  const settle = (key) => {
    const one = cases.find((candidate) => candidate.key === key)
    if (compared.has(key) || !sides.cpu.has(key) || !sides.gpu.has(key)) return
    compared.add(key)
    try {
      onRow(judged(one, sides.cpu.get(key), sides.gpu.get(key)))
    } catch (error) {
      failures.set(key, { reason: error.message })
    }
  }
  const lose = (some, name, reason) => {
    for (const { key } of some) {
      const before = failures.get(key)?.reason
      const why = `${name === 'cpu' ? 'on the CPU' : 'on the GPU'}: ${reason}`
      failures.set(key, { reason: before ? `${before}; ${why}` : why })
    }
  }
  const side = async (name, where, group) => {
    let left = []
    for (const { file, type: _, ...one } of group) {
      left.push({ ...one, model: await files.get(file), ...(name === 'cpu' && { atOnce: [] }) })
    }
    while (left.length > 0) {
      if (performance.now() > until) return lose(left, name, 'no time was left')
      let current = left[0].key
      const { status, reason } = await runPart(
        new URL('./parity-side.mjs', import.meta.url),
        { cases: left, gpu: where },
        {
          limitMs: Math.max(1000, until - performance.now()),
          onRow: ({ begins, key, result }) => {
            if (begins) {
              current = begins
              return
            }
            sides[name].set(key, result)
            settle(key)
          },
        },
      )
      if (status === 'done' && reason === null) return
      const at = left.findIndex(({ key }) => key === current)
      lose(status === 'timeout' ? left.slice(at) : left.slice(at, at + 1), name, reason)
      if (status !== 'failed') return
      left = left.slice(at + 1)
    }
  }
  const both = (group) => Promise.all([side('cpu', false, group), side('gpu', gpu, group)])
  files.ahead(cases.map(({ file }) => file))
  // What the small files say is known while the large ones are made.
  const isSmall = ({ file }) => file.kind === 'demo'
  await both(cases.filter(isSmall))
  await both(cases.filter((one) => !isSmall(one)))
  for (const [key, { reason }] of failures) onRow({ key, failed: reason })
  const lost =
    failures.size === 0 ? null : `${failures.size} of ${cases.length} comparisons could not be made`
  return { status: lost ? 'failed' : 'done', reason: lost }
}

function judged({ key, judge, type }, cpu, gpu) {
  const tolerance = (judge === 'heads' ? RANDOM_TOLERANCE : TOLERANCE)[type]
  if (judge === 'gen') {
    const pairs = cpu.verdicts.map((one, i) => [one, gpu.verdicts[i]])
    const other = pairs.filter(([a, b]) => a.text !== b.text)
    const { together } = gpu
    const furthest = Math.max(...pairs.map(([a, b]) => apart(a.values, b.values)))
    // Where the CPU itself says that rounding could decide, another text is no fault.
    const unexplained = other.filter(([a, b]) => !a.uncertain && !b.uncertain).length
    return {
      ...{ key, judge, type, tolerance, furthest, texts: pairs.length, equal: pairs.length - other.length },
      ...{ unexplained, together },
      within: furthest <= tolerance && unexplained === 0 && together.furthest <= tolerance,
    }
  }
  const result = compare(gpu.verdicts, cpu.verdicts)
  const together = gpu.together ?? []
  if (judge === 'heads') {
    const logits = Math.max(...gpu.verdicts.map(({ logits }, i) => apart(logits, cpu.verdicts[i].logits)))
    const largestLogit = Math.max(...cpu.verdicts.flatMap(({ logits }) => logits.map(Math.abs)))
    const within = logits <= tolerance * largestLogit
    return { key, judge, type, tolerance, ...result, together, logits, largestLogit, within }
  }
  return {
    ...{ key, judge, type, tolerance, ...result, together },
    within: result.furthest <= tolerance && together.every(({ furthest }) => furthest <= tolerance),
  }
}
