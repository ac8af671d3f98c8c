import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EngineOptions } from '../../lib/engine/engine-options.js'

const FIXTURES = join(import.meta.dirname, '..', 'fixtures')

export const STREAM_CHECKPOINTS = ['stream-f32-tied', 'stream-bf16-sharded'] as const
export const GEN_CHECKPOINTS = ['gen-f32-tied', 'gen-f16-untied'] as const

/** What transformers computes for a Stream checkpoint: probabilities at every position. */
export interface StreamGolden {
  sequences: { ids: number[]; response: GroupGolden; query: GroupGolden }[]
  texts: { text: string; ids: number[] }[]
}
interface GroupGolden {
  risk: number[][]
  category: number[][]
}

/** What transformers computes for a Gen checkpoint. */
export interface GenGolden {
  /** Ids whose log-probabilities `logProbs` gives at every position of the prompt. */
  named: number[]
  leastLead: number
  prompts: { ids: number[]; greedy: number[]; lead: number; logProbs: number[][] }[]
  texts: { text: string; ids: number[] }[]
}

export function checkpointPath(name: string): string {
  return join(FIXTURES, 'checkpoints', name)
}

export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(join(FIXTURES, 'golden', `${name}.json`), 'utf8')) as T
}

/** An engine small and exact enough to compare numbers. */
export function exactEngine(changes: Partial<EngineOptions> = {}): EngineOptions {
  return {
    contextSize: 512,
    maxSequences: 4,
    cells: 2048,
    unified: true,
    maxQueue: 16,
    batchSize: 512,
    maxOutputs: 512,
    prefillTokens: 128,
    offloads: true,
    alone: null,
    keeps: true,
    threads: 1,
    kvType: 'f32',
    flashAttention: false,
    ...changes,
  }
}

/** Softmax of each of the consecutive groups of `sizes` logits. */
export function softmaxGroups(logits: Float32Array, sizes: readonly number[]): number[][] {
  let start = 0
  return sizes.map((size) => {
    const group = [...logits.subarray(start, start + size)]
    start += size
    const most = Math.max(...group)
    const exponents = group.map((logit) => Math.exp(logit - most))
    const sum = exponents.reduce((a, b) => a + b, 0)
    return exponents.map((value) => value / sum)
  })
}

/** Index of the greatest value. */
export function argmax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values))
}

/** 0 to n-1. */
export function range(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i)
}

/** Numbers from 0 to 1 that are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 12), 0x297a2d39)
    mixed ^= mixed >>> 15
    return (mixed >>> 0) / 2 ** 32
  }
}
