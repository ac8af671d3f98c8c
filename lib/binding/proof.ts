// Runs a binary's kernels in a process of its own before this one does: an instruction that the CPU or its system lacks,
// and a compiler's mistake that only this kind of CPU meets, end that process.
import { spawnSync } from 'node:child_process'
import type { NativeProductCheck } from './binding.js'
import { cannotStart, ownEnvironment, programPath } from './own-process.js'
import { recall, remember } from './probe-cache.js'

/** The line that the process prints before it runs a kernel: one that ends before has other reasons, such as its limits. */
export const STARTED = 'running kernels'

/** What the process prints at its end, one JSON object. */
export interface Proof {
  products: NativeProductCheck[]
  /** What the demonstration models said of a text, and had to say; empty where they were not asked. */
  verdicts: { model: string; said: string; expected: string }[]
}

export interface ProofResult extends Proof {
  /** What is wrong with the binary; null if nothing was found. */
  fault: string | null
  /** Why it could not be tried at all, which says nothing about it; null if it was. */
  untried: string | null
}

/**
 * Products further from plain C++ than this, relative to the lengths of row and column, are wrong. The coarsest kernels
 * round a column to 8 bits, which moves a product by 0.001; a wrong one is off by 0.05.
 */
const TOLERANCE = 0.01

/** What ends a process whose code is at fault, and not its memory limit or its user. */
const CRASHES = ['SIGILL', 'SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGABRT', 'SIGTRAP']
/** The same on Windows, where it is an exit code: NTSTATUS values for errors. */
const isCrashCode = (code: number | null) => code !== null && code >= 0xc000_0000

/**
 * Tries a binary: products of every type of weights, and with `models` the verdicts of both demonstration models.
 * Waits for it, up to `limitMs`.
 */
export function proveAddon(
  file: string,
  { models, limitMs }: { models: boolean; limitMs: number },
): ProofResult {
  const program = programPath('trials/prove-addon')
  const none = { products: [], verdicts: [], fault: null }
  const why = cannotStart(program)
  if (why !== null) return { ...none, untried: why }
  const { status, signal, stdout, stderr, error } = spawnSync(
    process.execPath,
    ['--no-warnings', program, file, models ? 'all' : 'products'],
    {
      encoding: 'utf8',
      env: { ...ownEnvironment(), QWEN3GUARD_SELF_TEST: '0' },
      timeout: limitMs,
      killSignal: 'SIGKILL',
      windowsHide: true,
    },
  )
  const said = stderr?.trim() ? `: ${stderr.trim().slice(-1000)}` : ''
  const started = stdout?.startsWith(`${STARTED}\n`) ?? false
  if (started && ((signal !== null && CRASHES.includes(signal)) || isCrashCode(status))) {
    return {
      ...none,
      fault: `its self-test ended with ${signal ?? `0x${status!.toString(16)}`}${said}`,
      untried: null,
    }
  }
  if (error || status !== 0) {
    return {
      ...none,
      untried: error?.message ?? (said.slice(2) || `its self-test ended with ${signal ?? status}`),
    }
  }
  const proof = JSON.parse(stdout.slice(STARTED.length)) as Proof
  return { ...proof, fault: faultOf(proof), untried: null }
}

/** What is wrong in what a binary computed, or null. */
export function faultOf({ products, verdicts }: Proof): string | null {
  const wrong = products
    .filter(({ worst }) => !(worst <= TOLERANCE))
    .map(({ type, kernel }) => `${type} (${kernel})`)
  if (wrong.length > 0) return `its products of ${wrong.join(', ')} are wrong`
  const other = verdicts.find(({ said, expected }) => said !== expected)
  if (other) return `by it ${other.model} says ${other.said} where ${other.expected} is right`
  return null
}

/** A trial at load must not keep a process on a crowded machine for longer than this. */
const LOAD_LIMIT_MS = 20_000

/**
 * What is wrong with a binary that is about to be used, or null. It is tried once on a kind of CPU: what passed is remembered
 * in the cache directory until the file, the CPU or the system changes. `QWEN3GUARD_SELF_TEST=0` turns it off.
 */
export function faultAtLoad(file: string, cpu: readonly string[]): string | null {
  if (process.env.QWEN3GUARD_SELF_TEST === '0') return null
  const what = `self-test ${cpu.join(' ')}`
  if (recall<boolean>({ path: file }, what)) return null
  const { fault, untried } = proveAddon(file, { models: false, limitMs: LOAD_LIMIT_MS })
  if (fault === null && untried === null) remember({ path: file }, what, true)
  return fault
}
