// What is measured, in the order of its importance: what no longer fits the time is skipped from the end.
import { parityCases, runParity } from './parity.mjs'
import { runPart } from './part-process.mjs'
import { SHAPES } from './shapes.mjs'
import { runTransformers } from './transformers.mjs'

export const PARTS = ['parity', 'stream', 'gen', 'many', 'transformers', 'deep', 'settings']

/** Seconds that a part needs, files included, to be worth starting; by shape, for a card such as an H100. */
const NEEDS = {
  parity: { '0.6b': 40 },
  stream: { '0.6b': 8, '4b': 18, '8b': 30 },
  gen: { '0.6b': 10, '4b': 25, '8b': 40 },
  many: { '0.6b': 20, '4b': 20, '8b': 30 },
  transformers: { '0.6b': 30, '4b': 40, '8b': 45 },
  deep: { '0.6b': 20, '4b': 30, '8b': 40 },
  settings: { '0.6b': 60 },
}

/** Seconds after which a part is stopped, whatever time is left. */
const LIMITS = { parity: 120, stream: 60, gen: 60, many: 80, transformers: 90, deep: 60, settings: 200 }

const child = (name) => new URL(`./${name}.mjs`, import.meta.url)

/** The programs that parts and model files are made by, each in a process of its own. */
export const CHILDREN = [
  ...['device', 'gen-verdicts', 'make-model', 'many-streams', 'parity-side', 'settings', 'stream-table'],
].map(child)

/**
 * The parts of a run. Each has `files`, model files it needs, `ahead`, files to be made meanwhile, `timed`, whether nothing
 * else may run beside it, and `start({ paths, files, limitMs, onRow })`.
 */
export function makePlan({ parts, shapes, types, gpu, python, device }) {
  const [first, ...others] = shapes
  const random = (shape, type) => ({ kind: 'random', shape: SHAPES[shape], type })
  const padded = (shape, type) => ({ kind: 'padded', variant: 'gen', shape: SHAPES[shape], type })

  const part = (name, shape, type, rest) => ({
    ...{ part: name, shape, type, timed: true, files: [] },
    title: [name, SHAPES[shape].name, type].filter(Boolean).join(' '),
    needs: NEEDS[name][shape] ?? 5,
    limit: LIMITS[name],
    ...rest,
  })
  const run =
    (module, options) =>
    ({ paths, limitMs, onRow }) =>
      runPart(child(module), { model: paths[0], gpu, ...options }, { limitMs, onRow })

  const parity = () => {
    const cases = parityCases(SHAPES[first])
    return part('parity', first, null, {
      timed: false,
      // Read by name while the part runs; the demonstration model's own file is no file of the run.
      files: cases.map(({ file }) => file),
      start: ({ files, limitMs, onRow }) => runParity({ cases, files, gpu, limitMs, onRow }),
    })
  }
  const stream = (shape, type) => {
    const { positions, counts } = SHAPES[shape]
    return part('stream', shape, type, {
      files: [random(shape, type)],
      start: run('stream-table', { positions, counts }),
    })
  }
  const many = (shape, type) => {
    const { many: all, paced } = SHAPES[shape]
    const rows = type === types[0] ? all : all.slice(-1)
    return part('many', shape, type, {
      files: [random(shape, type)],
      start: run('many-streams', { rows, paced, contextSize: 1024 }),
    })
  }
  const deep = (shape, type) => {
    const { deep: row } = SHAPES[shape]
    return part('deep', shape, type, {
      files: [random(shape, type)],
      start: run('many-streams', { rows: [row], contextSize: row.positions + 256 }),
    })
  }
  const gen = (shape, type) =>
    part('gen', shape, type, { files: [padded(shape, type)], start: run('gen-verdicts', SHAPES[shape].gen) })
  const settings = (variant) =>
    part('settings', first, types[0], {
      title: `settings ${variant}`,
      files: [variant === 'stream' ? random(first, types[0]) : padded(first, types[0])],
      start: run('settings', {
        variant,
        sequences: SHAPES[first].paced.streams,
        positions: first === 'tiny' ? 48 : 256,
        many: SHAPES[first].gen.many,
      }),
    })
  const transformers = (shape, next) => {
    const { name, counts: _, ...sizes } = SHAPES[shape]
    const { positions } = sizes
    const counts =
      shape === 'tiny' ? { direct: 5, official: 3, gen: 3 } : { direct: 50, official: 12, gen: 12 }
    return part('transformers', shape, null, {
      ahead: next ? [random(next, types[0]), padded(next, types[0])] : [],
      timed: false,
      start: ({ limitMs, onRow }) =>
        runTransformers(
          python,
          {
            shape: sizes,
            device,
            counts,
            positions,
            attention: 'sdpa',
            bandwidth: shape === first,
            gen: true,
          },
          { limitMs, onRow },
        ),
    })
  }

  const [main, ...less] = types
  const all = [
    parity(),
    ...types.map((type) => stream(first, type)),
    gen(first, main),
    many(first, main),
    transformers(first, others[0]),
    ...less.flatMap((type) => [gen(first, type), many(first, type)]),
    settings('stream'),
    settings('gen'),
    ...others.flatMap((shape, i) => [
      stream(shape, main),
      gen(shape, main),
      many(shape, main),
      ...less.map((type) => stream(shape, type)),
      transformers(shape, others[i + 1]),
    ]),
    deep(first, main),
    ...others.flatMap((shape) => less.flatMap((type) => [gen(shape, type), many(shape, type)])),
  ]
  return all.filter(({ part }) => parts.includes(part))
}
