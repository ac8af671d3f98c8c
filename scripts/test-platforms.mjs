// Runs the cross-compiled binaries of prebuilds/ on their platforms' Node.js or Bun, by emulators: `npm run test:platforms
// [-- NAME…]`. Each loads, judges with both demonstration models as linux-x64's does, ends in the middle of decoding, and runs
// `doctor` with its self-test.
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { runnerOf } from './cross/run/runners.mjs'
import { binaryOf, TARGETS } from './cross/targets.mjs'
import { flavoursOf } from './flavours.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const PROGRAM = path.join(root, 'scripts', 'cross', 'run', 'program.mjs')
const EXEC_PATH = path.join(root, 'scripts', 'cross', 'run', 'exec-path.mjs')
const CLI = path.join(root, 'dist', 'cli', 'main.js')
const LIMIT_MS = 400_000
/** Flavours and compilers add in other orders: probabilities differ by less than this. */
const BOUND = 0.01

const log = (text) => process.stderr.write(`qwen3guard: ${text}\n`)
const work = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-platforms-'))

/** Runs Node.js or Bun there; what it printed goes through a file, since pipes fail under wine. */
function start(runner, words, env = {}) {
  const flags = runner.runtime === 'bun' ? [] : ['--no-warnings']
  const file = path.join(work, 'output')
  const output = openSync(file, 'w')
  const errors = openSync(`${file}.errors`, 'w')
  const [command, ...before] = runner.command
  const { status, signal, error } = spawnSync(command, [...before, ...flags, ...words], {
    env: { ...process.env, ...runner.env, QWEN3GUARD_SELF_TEST: '0', PREBUILDS_ONLY: '1', ...env },
    stdio: ['ignore', output, errors],
    timeout: LIMIT_MS,
  })
  closeSync(output)
  closeSync(errors)
  return { ended: error?.message ?? signal ?? status, text: readFileSync(file, 'utf8') }
}

function program(runner, ending, env) {
  const file = path.join(work, `${ending}.json`)
  rmSync(file, { force: true })
  const { ended } = start(runner, [runner.pathOf(PROGRAM), ending, runner.pathOf(file)], env)
  const said = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { error: 'it said nothing' }
  if (said.error) throw new Error(said.error)
  if (ended !== 0) throw new Error(`${ending}: ended with ${ended}`)
  return said
}

/** The greatest difference of two runs' probabilities. @throws Error where a label differs, or a probability by too much */
function apart(one, other) {
  let most = 0
  for (const guard of ['gen', 'stream']) {
    for (const [at, [label, unsafe]] of one[guard].entries()) {
      const [expected, wanted] = other[guard][at]
      if (label !== expected) throw new Error(`${guard} says '${label}', linux-x64 '${expected}'`)
      most = Math.max(most, Math.abs(unsafe - wanted))
    }
  }
  if (most >= BOUND) throw new Error(`a probability differs by ${most.toFixed(4)}`)
  return most
}

/** Has process.execPath name a program that starts the emulator, where there is one. */
function withStarter(runner, env) {
  const { command, runtime } = runner
  if (!command[0].startsWith('qemu-')) return { words: [], env }
  const starter = path.join(work, 'node')
  const words = command.map((word) => `'${word}'`).join(' ')
  writeFileSync(starter, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 })
  return {
    words: [runtime === 'bun' ? '--preload' : '--import', EXEC_PATH],
    env: { ...env, QWEN3GUARD_EXEC_PATH: starter },
  }
}

function doctor(runner, env) {
  const starter = withStarter(runner, env)
  const words = [...starter.words, runner.pathOf(CLI), 'doctor', '--json']
  const { ended, text } = start(
    { ...runner, command: runner.byItsName ?? runner.command },
    words,
    starter.env,
  )
  let addon
  try {
    addon = JSON.parse(text).addon
  } catch {
    throw new Error(`doctor ended with ${ended} and printed '${text.slice(0, 200)}'`)
  }
  if (addon.error !== null) throw new Error(`doctor: ${addon.error}`)
  if (addon.selfTest.fault !== null) throw new Error(`doctor: ${addon.selfTest.fault}`)
  if (ended !== 0) throw new Error(`doctor ended with ${ended}`)
  const { untried, products, verdicts } = addon.selfTest
  return untried === null
    ? `ok, ${products.length} products, ${verdicts.length} verdicts`
    : `ok, self-test not run: ${untried.slice(0, 200)}`
}

/** What this machine's own addon says, prebuilt or built from source. */
function reference() {
  return program(runnerOf('linux-x64', log), 'judge', { PREBUILDS_ONLY: '' })
}

function rowsOf(target, expected) {
  const flavours = flavoursOf(target.platform, target.arch)
  const rows = []
  for (const flavour of flavours) {
    if (!existsSync(path.join(root, 'prebuilds', binaryOf(target, flavour, flavours)))) continue
    const row = { platform: target.name, flavour: flavour.name }
    const runner = runnerOf(target.name, log)
    if (runner.missing) {
      rows.push({ ...row, result: `skipped: ${runner.missing}` })
      continue
    }
    log(`${target.name}, ${flavour.name}`)
    const env = flavours.length > 1 ? { QWEN3GUARD_CPU: flavour.name } : {}
    try {
      const difference = apart(program(runner, 'judge', env), expected)
      program(runner, 'exit', env)
      const result = `passed, apart by ${difference.toFixed(5)}`
      rows.push({ ...row, how: runner.how, doctor: doctor(runner, env), result })
    } catch (error) {
      const lacks = /this CPU or its operating system lacks/.test(error.message)
      rows.push({
        ...row,
        how: runner.how,
        result: `${lacks ? 'skipped' : 'FAILED'}: ${error.message.slice(0, 600)}`,
      })
    }
  }
  if (rows.length > 0) return rows
  const mending = `npm run build:prebuilds -- --target ${target.name}`
  return [{ platform: target.name, result: `skipped, not built: ${mending}` }]
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !TARGETS.some((target) => target.name === name))
if (unknown.length > 0) {
  log(`expected ${TARGETS.map(({ name }) => name).join(', ')}, got ${unknown.join(', ')}`)
  process.exitCode = 1
} else {
  try {
    const expected = reference()
    const wanted = TARGETS.filter(({ name }) => names.length === 0 || names.includes(name))
    const rows = wanted.flatMap((target) => rowsOf(target, expected))
    console.table(rows)
    // What was asked for by name has to run.
    const bad = names.length > 0 ? /^(FAILED|skipped)/ : /^FAILED/
    if (rows.some(({ result }) => bad.test(result))) process.exitCode = 1
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
