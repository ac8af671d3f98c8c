// A KV cache without a model: what comes out at a position is a function of the ids up to it and of nothing else,
// so that one id too many, too few or out of place anywhere before it shows.
import type { DecodeOptions, HeadOutputs, Sequence } from '../../lib/engine/sequence.js'
import type { Begin } from '../../lib/event-loop.js'
import type { HeadLabels } from '../../lib/labels.js'
import { seeded } from './texts.js'

const CATEGORIES = [
  'Violent',
  'Sexual Content or Sexual Acts',
  'Suicide & Self-Harm',
  'Politically Sensitive Topics',
  'PII',
  'Copyright Violation',
  'Non-violent Illegal Acts',
  'Unethical Acts',
] as const

export const LABELS: HeadLabels = {
  inner: 0,
  response: { risk: ['Safe', 'Unsafe', 'Controversial'], category: [...CATEGORIES] },
  query: { risk: ['Safe', 'Unsafe', 'Controversial'], category: [...CATEGORIES, 'Jailbreak'] },
}

export const WIDTH = 23

function mixed(state: number, id: number): number {
  const next = Math.imul(state ^ (id + 1), 0x9e3779b1)
  return (next ^ (next >>> 15)) | 0
}

/** Logits at the last of these ids. */
export function logitsAfter(ids: readonly number[]): Float32Array {
  return logitsOf(ids.reduce(mixed, 0))
}

function logitsOf(state: number): Float32Array {
  const random = seeded(state)
  return Float32Array.from({ length: WIDTH }, () => random() * 6 - 3)
}

export class SimulatedSequence implements Pick<Sequence, 'capacity' | 'length' | 'heads'> {
  readonly capacity: number
  /** The ids of each request, and how many of the positions there were it kept. */
  readonly requests: { keep: number; tokens: number[]; read: number[] }[] = []
  /** Requests that keep so many positions fail. */
  failsAt: number | null = null
  #ids: number[]

  constructor(prompt: readonly number[], capacity: number) {
    this.#ids = [...prompt]
    this.capacity = capacity
  }

  get length(): number {
    return this.#ids.length
  }

  heads(tokens: Int32Array, options: DecodeOptions): Begin<HeadOutputs> {
    return (done, failed) => {
      this.#decode(tokens, options).then(done, failed)
    }
  }

  async #decode(tokens: Int32Array, options: DecodeOptions): Promise<HeadOutputs> {
    const { read, keep: kept = this.length } = options
    const keep = kept === 'whole' ? 0 : kept
    if (keep > this.length) throw new Error(`keeps ${keep} of ${this.length} positions`)
    if (keep + tokens.length > this.capacity) throw new Error(`${keep + tokens.length} positions do not fit`)
    if (tokens.length === 0) throw new Error('an empty request')
    this.requests.push({ keep, tokens: [...tokens], read: [...read] })
    await Promise.resolve()
    if (keep === this.failsAt) throw new Error('the decode fails here')
    this.#ids.length = keep
    const states: number[] = []
    let state = this.#ids.reduce(mixed, 0)
    for (const id of tokens) {
      this.#ids.push(id)
      state = mixed(state, id)
      states.push(state)
    }
    const heads = new Float32Array(read.length * WIDTH)
    read.forEach((at, i) => {
      heads.set(logitsOf(states[at] as number), i * WIDTH)
    })
    return { heads, cached: 0, passes: 1, ms: 0 }
  }
}
