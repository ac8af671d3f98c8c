// Starts lives of guards, and says what is wrong with how they end.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'rolldown'

const LIFE = fileURLToPath(new URL('./life.mjs', import.meta.url))
const LARGE_MODEL = fileURLToPath(new URL('../../../test/support/large-model.ts', import.meta.url))

export const STAGES = ['idle', 'loading', 'prefilling', 'streaming', 'batch', 'closing']
export const ENDINGS = [
  'close',
  'double-close',
  'push-close',
  'end',
  'exit',
  'throw',
  'sigterm',
  'killed',
  'terminate',
  'worker-end',
  'collect',
]

/**
 * In seconds of which this process had its share; on a busy machine a life takes some. A machine that sleeps, or a cgroup that is
 * frozen, stops both, and no child hangs for it.
 */
const LONGEST = 120

/** Runs a program and gives how it ended; `null` for a code where a signal ended it. */
export function run(command, words, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let stdout = ''
    let stderr = ''
    let hung = false
    let seconds = 0
    const timer = setInterval(() => {
      seconds += 1
      if (seconds < LONGEST) return
      hung = true
      child.kill('SIGKILL')
    }, 1000)
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearInterval(timer)
      resolve({ code, signal, stdout, stderr, hung })
    })
  })
}

/** What is wrong with how that life ends, or null. `runner`: the program, and words that come before the script. */
export async function faultOf(
  stage,
  ending,
  model,
  runner = [process.execPath, '--no-warnings', '--expose-gc'],
) {
  const [command, ...words] = runner
  const { code, signal, stderr, hung } = await run(command, [...words, LIFE, stage, ending, model])
  const ended = `${stage}, then ${ending}: code ${code}, signal ${signal}, ${JSON.stringify(stderr.slice(0, 500))}`
  if (hung) return `${stage}, then ${ending}: it hung`
  if (ending === 'killed') return signal === 'SIGTERM' && stderr === '' ? null : ended
  if (ending === 'throw') return code === 1 && signal === null && stderr.includes('on purpose') ? null : ended
  return code === 0 && signal === null && stderr === '' ? null : ended
}

/** Gives `use` a model whose weights take some time to be read. */
export async function withLargeModel(use, mib = 96) {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwen3guard-soak-'))
  try {
    const file = path.join(folder, 'large-model.mjs')
    await build({ input: LARGE_MODEL, platform: 'node', output: { file }, logLevel: 'silent' })
    const { writeLargeModel } = await import(pathToFileURL(file).href)
    return await use(writeLargeModel(path.join(folder, 'large.gguf'), 'stream', mib), folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
