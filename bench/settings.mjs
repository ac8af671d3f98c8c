// npm run bench -- settings: what llama.cpp's and ggml's own settings change on the 0.6B shape. Each is measured
// beside the addon's, in turn. Those of the build (OpenMP, llamafile's kernels) compile ggml again, once.
import { loadBinding } from '../dist/binding/addon.js'
import { flavourDefinitions, flavours } from '../scripts/flavours.mjs'
import { buildLoop, buildLoopFor, Loop } from './loop/loop.mjs'
import { median, quiet, table } from './measure.mjs'
import { padModel, shapeTitle } from './pad-model.mjs'

/** As the avx2 flavour: ggml for CPUs without AVX-512. Not on ARM. */
const older = flavours.find(({ name }) => name === 'avx2')
const AVX2 = older && ['avx2', flavourDefinitions(older)]

/** What the compiler makes of this very CPU, as no binary is that is known and tested before. */
const NATIVE = ['native', ['-DGGML_NATIVE=ON']]

const VARIANTS = [
  { name: "the addon's settings" },
  { name: 'flash attention', settings: { flash: 1 } },
  { name: 'without huge pages', settings: { huge: 0 } },
  { name: 'no thread pool of its own', settings: { pool: 0 } },
  { name: 'poll 50 (ggml: spin longer)', settings: { poll: 50 } },
  { name: 'poll 100', settings: { poll: 100 } },
  { name: 'threads pinned to CPUs', settings: { pin: 1 } },
  { name: 'micro-batch 128', settings: { ubatch: 128 } },
  { name: 'micro-batch 256', settings: { ubatch: 256 } },
  { name: 'one thread', settings: { threads: 1 } },
  { name: 'weights not repacked', settings: { repack: 0 } },
  { name: 'weights not repacked', type: 'q4_0', settings: { repack: 0 } },
  { name: "the addon's settings", type: 'q4_0' },
  { name: "built without llamafile's kernels", build: ['no-llamafile', ['-DGGML_LLAMAFILE=OFF']] },
  { name: 'built with OpenMP', build: ['openmp', ['-DGGML_OPENMP=ON']], settings: { pool: 0 } },
  {
    name: 'built with OpenBLAS',
    build: ['openblas', ['-DGGML_BLAS=ON', '-DGGML_BLAS_VENDOR=OpenBLAS']],
    optional: true,
  },
  ...(AVX2 ? ['q8_0', 'q4_0', 'iq4_nl'] : []).map((type) => ({ name: 'built for AVX2', type, build: AVX2 })),
  { name: "the addon's settings", type: 'bf16' },
  {
    name: 'built with OpenBLAS',
    type: 'bf16',
    build: ['openblas', ['-DGGML_BLAS=ON', '-DGGML_BLAS_VENDOR=OpenBLAS']],
    optional: true,
  },
]

export function benchSettings(options) {
  return measure(VARIANTS, options)
}

/** npm run bench -- flavours: the addon's flavour beside `-march=native`. The latter compiles ggml again, once. */
export function benchFlavours({ types, ...options }) {
  const { flavour } = loadBinding().systemInfo()
  types ??= options.short ? ['q8_0'] : ['q8_0', 'q4_0', 'f16', 'bf16']
  const rows = types.flatMap((type) => [
    { name: `flavour ${flavour}`, type },
    { name: 'built for this very CPU', type, build: NATIVE },
  ])
  return measure(rows, options)
}

async function measure(variants, { short, threads = 2, rounds = 3 }) {
  if (!buildLoopFor({ short })) return
  if (short) {
    console.log("not measured: other types, and what is built from llama.cpp's source")
    variants = variants.filter(({ build, type = 'q8_0' }) => !build && type === 'q8_0')
  }
  const entries = []
  for (const { name, type = 'q8_0', settings = {}, build = ['addon', []], optional = false } of variants) {
    const binary = variant(build, optional)
    if (!binary) {
      console.log(`not measured: ${name} (the library is not installed)`)
      continue
    }
    const file = await padModel('gen', { type, short })
    const mmap = settings.repack !== 0 && loadBinding().repacks(type) ? 0 : 1
    entries.push({ name, type, file, settings: { threads, mmap, ...settings }, binary })
  }
  const results = entries.map(() => ({ short: [], long: [], step: [] }))
  for (let round = 0; round < rounds; round++) {
    for (const [i, { binary, file, settings }] of entries.entries()) {
      const loop = await Loop.start(binary, file, { cells: 1024, sequences: 1, ...settings })
      await quiet()
      await loop.rates(64, 2)
      results[i].short.push((await loop.rates(128, 0)).prefill)
      const { prefill, step } = await loop.rates(512, 12)
      results[i].long.push(prefill)
      results[i].step.push(step)
      await loop.stop()
    }
  }
  console.log(`${shapeTitle(short)}, ${threads} threads, median of ${rounds} rounds in turn\n`)
  table(
    ['', 'type', 'tokens/s at 128', 'tokens/s at 512', 'one-token step ms'],
    entries.map(({ name, type }, i) => [
      name,
      type,
      ((1000 * 128) / median(results[i].short)).toFixed(0),
      ((1000 * 512) / median(results[i].long)).toFixed(0),
      median(results[i].step).toFixed(1),
    ]),
  )
}

/** The loop under other build options; null where an optional library is not there. */
function variant(build, optional) {
  try {
    return buildLoop(...build)
  } catch (error) {
    if (!optional) throw error
    return null
  }
}
