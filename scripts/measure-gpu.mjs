// npm run measure:gpu: what a GPU gives, in one command and a bounded time. Checks the GPU's verdicts against the CPU's,
// then measures Stream, many streams and Gen at the official models' shapes, beside transformers on the same card. Every
// part is a process of its own; results are written as they come. Exit code 1: parity was exceeded, or a part failed.
//
//   --gpu cuda|vulkan|metal|off   back end (default cuda; off: the CPU, for trying this script)
//   --minutes N                   time for all parts (default 7); what no longer fits is skipped, and says so
//   --shapes 0.6b,4b,8b           shapes, the first is measured most (tiny: for trying this script)
//   --types q8_0,f16              types of weights, the first is measured most
//   --parts a,b                   of parity, stream, gen, many, transformers, deep; --settings adds settings
//   --json FILE, --markdown FILE  where results go (the tables are printed in any case)
//   --work DIR                    for model files, up to 25 GB (default /dev/shm, else the temporary folder)
//   --python FILE                 a Python with torch and transformers (default python3)
//   --dry                         only lists the parts, and imports what each of them runs
//   --no-build                    never builds the addon; --commit NAME: where there is no git to ask
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const at = (...names) => path.join(ROOT, ...names)
/** Kept back for the tables and for deleting files. */
const RESERVE_MS = 5000
const GPUS = { cuda: 'cuda', vulkan: 'vulkan', metal: 'metal', off: false }

const { values: flags } = parseArgs({
  options: {
    gpu: { type: 'string', default: 'cuda' },
    minutes: { type: 'string', default: '7' },
    shapes: { type: 'string', default: '0.6b,4b,8b' },
    types: { type: 'string', default: 'q8_0,f16' },
    parts: { type: 'string' },
    settings: { type: 'boolean', default: false },
    json: { type: 'string' },
    markdown: { type: 'string' },
    work: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    'no-build': { type: 'boolean', default: false },
    commit: { type: 'string' },
    dry: { type: 'boolean', default: false },
  },
})

if (!Object.hasOwn(GPUS, flags.gpu))
  usage(`--gpu is one of ${Object.keys(GPUS).join(', ')}, got '${flags.gpu}'`)
const minutes = Number(flags.minutes)
if (!(minutes > 0)) usage(`--minutes is a number above 0, got '${flags.minutes}'`)
buildTypeScript()

// What follows imports dist/, which must be there.
const { describeMachine } = await import('./measure-gpu/machine.mjs')
const { ModelFiles } = await import('./measure-gpu/model-files.mjs')
const { killParts, runPart } = await import('./measure-gpu/part-process.mjs')
const { CHILDREN, makePlan, PARTS } = await import('./measure-gpu/plan.mjs')
const { toMarkdown } = await import('./measure-gpu/report.mjs')
const { SHAPES } = await import('./measure-gpu/shapes.mjs')

const list = (name, allowed) => {
  const chosen = flags[name].split(',')
  const wrong = chosen.find((one) => !allowed.includes(one))
  if (wrong !== undefined) usage(`--${name} takes ${allowed.join(', ')}, got '${wrong}'`)
  return chosen
}
flags.parts ??= PARTS.filter((part) => part !== 'settings').join(',')
const parts = list('parts', PARTS)
if (flags.settings && !parts.includes('settings')) parts.push('settings')
const shapes = list('shapes', Object.keys(SHAPES))
const types = list('types', ['q8_0', 'f16'])
const gpu = GPUS[flags.gpu]

const device = gpu === false ? 'cpu' : 'cuda'
const plan = makePlan({ parts, shapes, types, gpu, python: flags.python, device })
if (flags.dry) {
  for (const child of CHILDREN) {
    if (typeof (await import(child)).run !== 'function') throw new Error(`${child} exports no run()`)
  }
  for (const { title, needs, limit } of plan) console.log(`${title}: needs ${needs} s, at most ${limit} s`)
  process.exit()
}

const results = {
  machine: describeMachine(flags.commit),
  options: { ...flags, parts },
  device: null,
  parts: [],
}
await openDevice()

const files = new ModelFiles(flags.work)
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    killParts()
    files.close()
    process.exit(1)
  })
}
const started = performance.now()
const left = () => minutes * 60_000 - RESERVE_MS - (performance.now() - started)
try {
  for (const part of plan) for (const file of part.files) files.expect(file)
  for (const part of plan) {
    await measure(part)
    await files.release(part.files)
  }
} finally {
  killParts()
  files.close()
}
results.seconds = (performance.now() - started) / 1000
save()
console.log(toMarkdown(results))
const bad = results.parts.filter(
  ({ status, rows }) => status === 'failed' || rows.some(({ within, failed }) => within === false || failed),
)
for (const { title, reason } of bad) console.error(`not well: ${title}${reason ? `: ${reason}` : ''}`)
if (bad.length > 0) process.exitCode = 1

async function measure({ part, shape, type, title, needs, limit, timed, files: specs, ahead = [], start }) {
  const entry = { part, title, shape, type, status: 'skipped', reason: null, seconds: 0, rows: [] }
  results.parts.push(entry)
  const began = performance.now()
  if (left() < needs * 1000) {
    entry.reason = tooLate(needs)
    console.error(`skipped  ${title}: ${entry.reason}`)
    return save()
  }
  try {
    const paths = []
    // Parity begins with what is there, and takes the others as they are made.
    for (const spec of timed ? specs : []) paths.push(await files.get(spec))
    if (timed) await files.idle()
    files.ahead(ahead)
    const limitMs = Math.max(1000, Math.min(limit * 1000, left()))
    Object.assign(
      entry,
      await start({
        paths,
        files,
        limitMs,
        onRow: (row) => {
          entry.rows.push(row)
          save()
        },
      }),
    )
  } catch (error) {
    Object.assign(entry, { status: 'failed', reason: error.stack })
  }
  entry.seconds = (performance.now() - began) / 1000
  console.error(
    `${entry.status.padEnd(8)} ${title}: ${entry.seconds.toFixed(1)} s, ${entry.rows.length} rows${entry.reason ? `; ${entry.reason}` : ''}`,
  )
  save()
}

function tooLate(needs) {
  return `it needs about ${needs} s, and ${Math.max(0, left() / 1000).toFixed(0)} s of ${minutes} minutes are left`
}

function save() {
  if (flags.json) writeFileSync(flags.json, `${JSON.stringify(results, null, 1)}\n`)
  if (flags.markdown) writeFileSync(flags.markdown, `${toMarkdown(results)}\n`)
}

/** Opens the device once; builds its addon first where there is none. */
async function openDevice() {
  const open = () =>
    runPart(
      new URL('./measure-gpu/device.mjs', import.meta.url),
      { gpu },
      { limitMs: 120_000, onRow: (row) => Object.assign(results, row) },
    )
  let opened = await open()
  if (opened.code === 'ERR_BACKEND_MISSING' && !flags['no-build']) {
    console.error(`no addon for ${flags.gpu} is here: building it`)
    run(process.execPath, [at('scripts', 'build.mjs'), '--gpu', flags.gpu])
    opened = await open()
  }
  if (opened.status !== 'done') {
    console.error(`the device does not open: ${opened.reason}`)
    process.exit(1)
  }
  const { name, description } = results.device
  console.error(
    `${name}${description ? `, ${description}` : ''}: opened in ${(results.ms / 1000).toFixed(1)} s`,
  )
}

function buildTypeScript() {
  if (existsSync(at('dist', 'index.js'))) return
  run(process.execPath, [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', at('tsconfig.build.json')])
}

function run(command, words) {
  const { status, error } = spawnSync(command, words, { cwd: ROOT, stdio: ['ignore', 2, 2] })
  if (status === 0) return
  console.error(`${[command, ...words].join(' ')} failed${error ? `: ${error.message}` : ''}`)
  process.exit(1)
}

function usage(message) {
  console.error(message)
  process.exit(2)
}
