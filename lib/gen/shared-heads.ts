import type { Engine } from '../engine/engine.js'
import type { SharedPrefix } from '../engine/sequence.js'
import { SEQUENCES_TO_PIN } from '../engine/settings.js'
import { untilAborted } from '../until-aborted.js'
import type { GenMode, GenTemplate } from './template.js'

/** Prompts that begin alike for fewer tokens than this are not worth a sequence. */
export const SHORTEST_SHARED = 16

/** How long somebody waits for a head. */
interface Wait {
  signal: AbortSignal | undefined
  timeoutMs: number | undefined
}

/** What every prompt of a mode begins with, the safety policy: decoded once, when a check of that mode is first asked for. */
export class SharedHeads {
  readonly #engine: Engine
  readonly #template: GenTemplate
  readonly #heads = new Map<GenMode, Promise<SharedPrefix | null>>()
  /** Those that are there. */
  readonly #known = new Map<GenMode, SharedPrefix | null>()
  #cells = 0

  constructor(engine: Engine, template: GenTemplate) {
    this.#engine = engine
    this.#template = template
  }

  /**
   * The head in a sequence of its own; null where there is no room for it. The first time it waits for a sequence as a
   * check does, which counts as the caller's wait; later it is there at once.
   *
   * @throws GuardBusyError after `timeoutMs`; `signal.reason`; what decoding it failed with
   */
  of(mode: GenMode, wait: Wait): SharedPrefix | null | Promise<SharedPrefix | null> {
    const known = this.#known.get(mode)
    return known !== undefined && !wait.signal?.aborted ? known : this.#awaited(mode, wait)
  }

  async #awaited(mode: GenMode, { signal, timeoutMs }: Wait): Promise<SharedPrefix | null> {
    let head = this.#heads.get(mode)
    if (!head) {
      head = this.#decode(mode)
      this.#heads.set(mode, head)
      // A failure is the check's that waits for it; the next one tries again.
      head.then(
        (there) => this.#known.set(mode, there),
        () => this.#heads.delete(mode),
      )
    }
    if (timeoutMs === undefined) return await untilAborted(head, signal)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#engine.late(timeoutMs)), timeoutMs)
    })
    try {
      return await untilAborted(Promise.race([head, late]), signal)
    } finally {
      clearTimeout(timer)
    }
  }

  async #decode(mode: GenMode): Promise<SharedPrefix | null> {
    const ids = await this.#template.encodeConstantHead(mode)
    const { cells, contextSize, maxSequences, unified } = this.#engine.options
    if (!unified) return null
    // A conversation of the full context must still find room.
    const fits = cells - this.#cells - ids.length >= contextSize
    if (ids.length < SHORTEST_SHARED || maxSequences < SEQUENCES_TO_PIN || !fits) return null
    this.#cells += ids.length
    try {
      return await this.#engine.share(ids)
    } catch (error) {
      this.#cells -= ids.length
      throw error
    }
  }
}
