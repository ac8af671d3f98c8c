// What a machine is and can do, beside which a figure is read.
import os from 'node:os'
import { loadBinding } from '../dist/binding/addon.js'
import { KERNELS, measureUnits } from './kernels/compile.mjs'

/** Multiply-adds of the 0.6B shape's layers for one token, and of its LM head for one that is read. */
const LAYERS = 28 * (1024 * (2048 + 2 * 1024) + 2048 * 1024 + 3 * 1024 * 3072)
const HEAD = 151_936 * 1024

/**
 * Prints the CPU, its instruction sets and the kernel chosen for Q8_0, and gives what this machine can do with so many threads at
 * once, as Bounds; null where that is not measured.
 */
export async function describeMachine({ threads, short }) {
  const binding = loadBinding()
  const { cpu } = binding.instructionSets()
  const layouts = (await binding.products()).filter(({ type }) => type === 'q8_0')
  // ggml's order is that in which they are chosen.
  const chosen = layouts.find(({ kernel }) => kernel !== 'CPU')?.kernel ?? "ggml's own"
  console.log(`${os.cpus()[0]?.model ?? 'unknown CPU'}, ${os.cpus().length} CPUs; ${cpu.join(' ')}`)
  const kernel = KERNELS.find(({ names }) => names.includes(chosen))
  const units = kernel ? await measureUnits(kernel, cpu, { processes: threads, short }) : null
  console.log(`kernel for Q8_0: ${chosen}`)
  if (units) {
    const giga = (name) => `${(units[name] / 1e9).toFixed(0)} G in ${{ brain: 'bf16' }[name] ?? name}`
    const kinds = ['bytes', 'floats', 'brain'].filter((name) => units[name] > 0).map(giga)
    console.log(
      `${threads} threads' units, multiply-adds/s measured: ${kinds.join(', ')}; memory ${(units.bandwidth / 1e9).toFixed(1)} GB/s${short ? ' (no figures, the bench is tried)' : ''}`,
    )
  }
  console.log('')
  return units && new Bounds(units, chosen.startsWith('amx'))
}

/** Times that no program can go below on this machine, for the matrices of the 0.6B shape. Attention and the rest come on top. */
export class Bounds {
  #units
  #tiles

  /** @param tiles whether AMX's tiles multiply our Q8_0, f16 and bf16 */
  constructor(units, tiles) {
    this.#units = units
    this.#tiles = tiles
  }

  /** Multiply-adds a second at most of weights of a type, as this package multiplies them. */
  peak(type) {
    const { bytes, floats, brain } = this.#units
    if (type === 'f32') return floats
    if (type === 'bf16') return this.#tiles ? brain : floats
    if (type === 'f16') return this.#tiles ? brain / 3 : floats // three products of bf16
    if (type === 'torch') return Math.max(brain, floats)
    return type === 'q8_0' && this.#tiles ? Math.max(brain, bytes) : bytes
  }

  /**
   * Least milliseconds of passes, one after the other: of each the arithmetic of its tokens and of the positions read, or the
   * reading of the weights, whichever is longer.
   */
  least(passes, { bytes, type = 'q8_0' }) {
    const peak = this.peak(type)
    const pass = ({ tokens, read = 1 }) =>
      Math.max((tokens * LAYERS + read * HEAD) / peak, bytes / this.#units.bandwidth)
    return 1000 * passes.reduce((sum, one) => sum + pass(one), 0)
  }
}

/** Passes of one who computes so many tokens, then writes so many, a step each. */
export const writing = (tokens, written) => [
  { tokens },
  ...Array.from({ length: written }, () => ({ tokens: 1 })),
]
