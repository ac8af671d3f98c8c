// What a machine is and can do, beside which a figure is read.
import os from 'node:os'
import { loadBinding } from '../dist/binding/addon.js'
import { KERNELS, measureUnit } from './kernels/bench.mjs'

/** Multiply-adds of the 0.6B shape's layers for one token, and of its LM head for one that is read. */
export const LAYERS = 28 * (1024 * (2048 + 2 * 1024) + 2048 * 1024 + 3 * 1024 * 3072)
export const HEAD = 151_936 * 1024

/**
 * Prints the CPU, its instruction sets and the kernel chosen for Q8_0, and gives what that kernel's unit and the memory can do
 * with so many threads at once: multiply-adds and bytes a second; null where that is not measured.
 */
export async function describeMachine({ threads, short }) {
  const binding = loadBinding()
  const { cpu } = binding.instructionSets()
  const layouts = (await binding.products()).filter(({ type }) => type === 'q8_0')
  // ggml's order is that in which they are chosen.
  const chosen = layouts.find(({ kernel }) => kernel !== 'CPU')?.kernel ?? "ggml's own"
  console.log(`${os.cpus()[0]?.model ?? 'unknown CPU'}, ${os.cpus().length} CPUs; ${cpu.join(' ')}`)
  const kernel = short ? undefined : KERNELS.find(({ name }) => name === chosen)
  const unit = kernel ? await measureUnit(kernel, threads) : null
  const [giga, bytes] = unit ? [(unit.peak / 1e9).toFixed(0), (unit.bandwidth / 1e9).toFixed(1)] : []
  console.log(
    `kernel for Q8_0: ${chosen}${unit ? `; ${threads} threads' units ${giga} G multiply-adds/s, memory ${bytes} GB/s, measured` : ''}\n`,
  )
  return unit
}

/** Milliseconds that the arithmetic of a prefill takes at least, and the reading of the weights. */
export function bounds(unit, { tokens, read = 1, bytes }) {
  return {
    arithmetic: (1000 * (tokens * LAYERS + read * HEAD)) / unit.peak,
    memory: (1000 * bytes) / unit.bandwidth,
  }
}
