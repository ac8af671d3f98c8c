// npm run bench [-- demo | gen | stream | batch | serve | context | types | settings | flavours | kernels | places | load | ways | busy | cluster | deterministic]: medians and ratios, what is compared
// measured in turn in one run. docs/performance.md says what each measures. Without a name: the demonstration models, a minute.
// `--beside FOLDER` measures another built checkout in the same run (demo, load).
// `--short` runs the same code in seconds, on tiny models, once, without what takes minutes to build: to see that it works.
import { parseArgs } from 'node:util'
import { neverWait } from './measure.mjs'

const BENCHES = {
  demo: async (options) => {
    await (await import('./demo-gen.mjs')).benchDemoGen(options)
    await (await import('./demo-stream.mjs')).benchDemoStream(options)
  },
  gen: async (options) => (await import('./gen/bench.mjs')).benchGen(options),
  stream: async (options) => (await import('./stream/bench.mjs')).benchStream(options),
  batch: async (options) => (await import('./batch/bench.mjs')).benchBatch(options),
  serve: async (options) => (await import('./serve/bench.mjs')).benchServe(options),
  context: async (options) => (await import('./context.mjs')).benchContext(options),
  types: async (options) => (await import('./types.mjs')).benchTypes(options),
  settings: async (options) => (await import('./settings.mjs')).benchSettings(options),
  flavours: async (options) => (await import('./settings.mjs')).benchFlavours(options),
  kernels: async (options) => (await import('./kernels/bench.mjs')).benchKernels(options),
  places: async (options) => (await import('./places.mjs')).benchPlaces(options),
  load: async (options) => (await import('./load/bench.mjs')).benchLoad(options),
  ways: async () => (await import('./ways.mjs')).benchWays(),
  busy: async (options) => (await import('./busy.mjs')).benchBusy(options),
  cluster: async (options) => (await import('./cluster.mjs')).benchCluster(options),
  deterministic: async (options) => (await import('./deterministic.mjs')).benchDeterministic(options),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string' },
    threads: { type: 'string' },
    rounds: { type: 'string' },
    types: { type: 'string' },
    parts: { type: 'string' },
    positions: { type: 'string' },
    beside: { type: 'string' },
    clients: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
})
const name = positionals[0] ?? 'demo'
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined
const number = (text) => (text === undefined ? undefined : Number(text))
if (!bench || positionals.length > 1) {
  console.error(`Expected one of ${Object.keys(BENCHES).join(', ')}, got '${positionals.join(' ')}'`)
  process.exitCode = 2
} else {
  if (values.short) neverWait()
  await bench({
    short: values.short,
    model: values.model,
    beside: values.beside,
    types: values.types?.split(','),
    parts: values.parts?.split(','),
    positions: values.positions?.split(','),
    ...(values.clients && { clients: values.clients.split(',') }),
    threads: number(values.threads) ?? (values.short ? 1 : undefined),
    rounds: number(values.rounds) ?? (values.short ? 1 : undefined),
  })
}
