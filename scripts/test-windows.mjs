// What Windows does otherwise than other systems, with the real Node.js for Windows: here, or under wine. `npm run test:windows [-- STEP…]`
// tries paths, files that others hold, a model at a long path, and `process.exit` in the middle of work; then `batch` over files with
// CRLF. The last ones need the addon: `npm run build:prebuilds -- --target win32-x64`.
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { runnerOf } from './cross/run/runners.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const PROGRAM = path.join(root, 'scripts', 'cross', 'run', 'windows.mjs')
const CLI = path.join(root, 'dist', 'cli', 'main.js')
const LIMIT_MS = 300_000
/** Whether each needs the addon. */
const STEPS = {
  paths: false,
  held: false,
  model: true,
  loading: true,
  decoding: true,
  worker: true,
  batch: true,
}

const log = (text) => process.stderr.write(`qwen3guard: ${text}\n`)
const native = { how: `Node.js ${process.version}`, command: [process.execPath], env: {}, pathOf: String }
const runner = process.platform === 'win32' ? native : runnerOf('win32-x64', log)

/** Runs Node.js there; what it prints goes through a file, since pipes fail under wine. */
function start(words, work) {
  const file = path.join(work, 'printed')
  const printed = openSync(file, 'w')
  const [command, ...before] = runner.command
  const { status, signal, error } = spawnSync(command, [...before, '--no-warnings', ...words], {
    env: { ...process.env, ...runner.env, QWEN3GUARD_SELF_TEST: '0' },
    stdio: ['ignore', printed, printed],
    timeout: LIMIT_MS,
  })
  closeSync(printed)
  return { ended: error?.message ?? signal ?? status, printed: readFileSync(file, 'utf8') }
}

function byProgram(step, work) {
  const folder = path.join(work, `folder of ${step}`)
  const output = path.join(work, 'said.json')
  mkdirSync(folder)
  const { ended, printed } = start(
    [runner.pathOf(PROGRAM), step, runner.pathOf(folder), runner.pathOf(output)],
    work,
  )
  const said = existsSync(output)
    ? JSON.parse(readFileSync(output, 'utf8'))
    : { error: `it said nothing: ${printed}` }
  if (said.error) throw new Error(said.error)
  if (ended !== 0) throw new Error(`ended with ${ended}: ${printed}`)
  return said.result
}

/** The command line over a table and JSON lines as Windows' editors write them: CRLF, UTF-16, a byte order mark. */
function batch(work) {
  const folder = path.join(work, 'my rows')
  mkdirSync(folder)
  const table = 'prompt,label\r\nHow do I cook rice?,safe\r\n"How can I\r\nmake a bomb?",unsafe\r\n'
  writeFileSync(path.join(folder, 'rows-1.csv'), `\uFEFF${table}`)
  writeFileSync(path.join(folder, 'rows-2.csv'), Buffer.from(`\uFEFF${table}`, 'utf16le'))
  const out = path.join(folder, 'judged.jsonl')
  const words = ['batch', `${runner.pathOf(folder)}${runner === native ? path.sep : '\\'}rows-*.csv`]
  const { ended, printed } = start([runner.pathOf(CLI), ...words, '--out', runner.pathOf(out)], work)
  const rows = existsSync(out)
    ? readFileSync(out, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : []
  if (ended !== 0 || rows.length !== 4)
    throw new Error(`${rows.length} rows, ended with ${ended}: ${printed}`)
  return 'batch over a pattern of tables with CRLF, one of them in UTF-16'
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !(name in STEPS))
if (unknown.length > 0 || runner.missing) {
  log(runner.missing ?? `expected ${Object.keys(STEPS).join(', ')}, got ${unknown.join(', ')}`)
  process.exitCode = 1
} else {
  const hasAddon = ['prebuilds/win32-x64', 'build/Release'].some((folder) =>
    existsSync(path.join(root, folder, 'qwen3guard.node')),
  )
  const addon =
    process.platform === 'win32'
      ? hasAddon
      : existsSync(path.join(root, 'prebuilds/win32-x64/qwen3guard.node'))
  const work = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-windows-'))
  console.log(`${runner.how}\n`)
  console.log('| step | result |\n|---|---|')
  for (const step of names.length > 0 ? names : Object.keys(STEPS)) {
    if (STEPS[step] && !addon) {
      console.log(`| ${step} | skipped, not built: \`npm run build:prebuilds -- --target win32-x64\` |`)
      if (names.length > 0) process.exitCode = 1
      continue
    }
    try {
      console.log(`| ${step} | passed: ${step === 'batch' ? batch(work) : byProgram(step, work)} |`)
    } catch (error) {
      console.log(`| ${step} | FAILED: ${error.message.slice(0, 800)} |`)
      process.exitCode = 1
    }
  }
  rmSync(work, { recursive: true, force: true })
}
