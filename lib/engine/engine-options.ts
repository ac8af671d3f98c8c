import type { KvType } from '../types.js'

export interface EngineOptions {
  /** Positions per sequence. */
  contextSize: number
  /** Sequences, at most 256. */
  maxSequences: number
  /** KV cells of a unified cache; a split cache has contextSize a sequence. */
  cells: number
  unified: boolean
  /** Acquisitions that may wait. */
  maxQueue: number
  batchSize: number
  /** Positions read in one decode at most. */
  maxOutputs: number
  /**
   * Tokens of prefills in one decode with which it takes up no other prefill. More at once gain nothing where they
   * keep the processor busy, and attention visits the cells of all that are begun.
   */
  prefillTokens: number
  /**
   * Whether what sequences share leaves the cells while none of them is open and another is wanted: worth the copying
   * where attention takes long.
   */
  offloads: boolean
  /**
   * Whether a unified engine keeps what done sequences hold: worth the copying where a prefill takes long.
   */
  keeps: boolean
  /**
   * A decode takes up one request where the kernels' sums depend on how many tokens there are: so many tokens of one that says
   * all that its sequence is to hold, and of one that goes on from there. null: a decode takes up as many as it has room for.
   */
  alone: { whole: number; following: number } | null
  threads: number
  kvType: KvType
  flashAttention: 'auto' | boolean
}

/** Cells for what sequences share: Gen's safety policy takes 201 and 267 in its two modes. */
export const PINNED_CELLS = 512

/** Positions of done sequences that a unified engine keeps at most, beside its cells. */
export function keptCells({ unified, keeps, cells, contextSize }: EngineOptions): number {
  return unified && keeps ? Math.max(contextSize, Math.floor(cells / 2)) : 0
}
