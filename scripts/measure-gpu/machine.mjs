// What the figures were measured on.
import { spawnSync } from 'node:child_process'
import os from 'node:os'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Memory bandwidth by data sheet, in TB/s, where it could not be measured; the first name that fits. */
const DATA_SHEETS = [
  [/H200/, 4.8],
  [/H100 NVL/, 3.9],
  [/H100 PCIe/, 2.0],
  [/H100/, 3.35],
  [/A100.*80GB.*PCIe|A100 80GB PCIe/, 1.935],
  [/A100.*80GB/, 2.039],
  [/A100/, 1.555],
  [/L40S/, 0.864],
  [/\bL4\b/, 0.3],
  [/\bA10\b/, 0.6],
  [/\bT4\b/, 0.32],
  [/RTX 5090/, 1.792],
  [/RTX 4090/, 1.008],
  [/RTX 3090/, 0.936],
]

/** Bytes a second; null for a card that is not listed. */
export function dataSheetBandwidth(card) {
  const found = DATA_SHEETS.find(([pattern]) => pattern.test(card ?? ''))
  return found ? found[1] * 1e12 : null
}

export function describeMachine(commit) {
  const [cpu] = os.cpus()
  const { card, driver, power, clock } = nvidia()
  return {
    card,
    driver,
    power,
    memoryClock: clock,
    cpu: cpu?.model ?? os.arch(),
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    node: process.version,
    commit: commit ?? git(),
    date: new Date().toISOString(),
  }
}

function nvidia() {
  const fields = ['name', 'driver_version', 'power.limit', 'clocks.max.memory']
  const { status, stdout } = spawnSync('nvidia-smi', [`--query-gpu=${fields}`, '--format=csv,noheader'], {
    encoding: 'utf8',
  })
  if (status !== 0) return { card: null, driver: null, power: null, clock: null }
  const [card, driver, power, clock] = stdout.split('\n')[0].split(', ')
  return { card, driver, power, clock }
}

function git() {
  const run = (...words) => spawnSync('git', words, { cwd: ROOT, encoding: 'utf8' })
  const head = run('rev-parse', '--short', 'HEAD')
  if (head.status !== 0) return 'unknown'
  const changed = run('status', '--porcelain', '--untracked-files=no').stdout.trim() !== ''
  return `${head.stdout.trim()}${changed ? ', with changes' : ''}`
}
