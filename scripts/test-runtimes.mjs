// Runs the packed package on every runtime that is supported: loading, a verdict of both guards, a stream, a worker thread, closing,
// and the process's own end. `npm run test:runtimes [-- --only NAME[,NAME…]] [--project FOLDER]` prints a table. What could not be
// run is a failure; but Electron, whose program is no package, only if it was asked for by name.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { BuildError } from './llama-source.mjs'
import { packedProject } from './packed-project.mjs'
import { NAMES, runtimeNamed } from './runtimes/runtimes.mjs'

const PROGRAM = fileURLToPath(new URL('runtimes/smoke.mjs', import.meta.url))
const LIMIT_MS = 180_000
const EXPECTED = JSON.stringify({ verdicts: ['Unsafe', 'Unsafe'], stream: 'end', worker: 'Unsafe' })
const log = (text) => process.stderr.write(`qwen3guard: ${text}\n`)

function start([command, ...before], words, cwd, env) {
  const { npm_config_user_agent: _, ...own } = process.env
  return spawnSync(command, [...before, ...words], {
    cwd,
    encoding: 'utf8',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
    env: { ...own, ...env },
  })
}

/** A row of the table. */
function tried(runtime, project, isWanted) {
  const { name, missing, command, env } = runtime
  if (missing)
    return { name, version: '', result: `not run: ${missing}`, failed: isWanted || name !== 'Electron' }
  const [program] = command
  const version = start([program], ['--version'], project, env).stdout?.trim().split('\n')[0] ?? ''
  const { status, signal, error, stdout, stderr } = start(command, ['smoke.mjs'], project, env)
  const said = stdout?.trim().split('\n').at(-1) ?? ''
  if (status === 0 && said === EXPECTED) return { name, version, result: 'passed', failed: false }
  const ended = error?.message ?? (signal ? `ended by ${signal}` : `exit code ${status}`)
  const why = (said === EXPECTED ? 'all steps went well' : said || stderr || '').slice(0, 400)
  return { name, version, result: `FAILED: ${ended}; ${why.replaceAll(/\s+/g, ' ')}`, failed: true }
}

function main() {
  const { values } = parseArgs({ options: { only: { type: 'string' }, project: { type: 'string' } } })
  const wanted = values.only?.split(',') ?? NAMES.filter((name) => name !== 'this')
  const unknown = wanted.filter((name) => !NAMES.includes(name))
  if (unknown.length > 0) throw new TypeError(`expected ${NAMES.join(', ')}, got ${unknown.join(', ')}`)
  const work = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-runtimes-'))
  try {
    const project = values.project ?? packedProject(work, { standIn: true }).project
    copyFileSync(PROGRAM, path.join(project, 'smoke.mjs'))
    console.log('| runtime | version | result |\n|---|---|---|')
    for (const name of wanted) {
      const row = tried(runtimeNamed(name, log), project, values.only !== undefined)
      console.log(`| ${row.name} | ${row.version} | ${row.result} |`)
      if (row.failed) process.exitCode = 1
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

try {
  main()
} catch (error) {
  if (!(error instanceof TypeError || error instanceof BuildError)) throw error
  log(error.message)
  process.exitCode = 1
}
