import type { ModerationEvent } from '../stream/events.js'
import type { Passed } from './source-pieces.js'

/** Names that are told of: no source can make the list grow without end. */
const MOST_TOLD = 1000

/** Tells of what no moderation does: what passes unjudged, and what is left out. Each once. */
export class Announcer {
  readonly #told = new Set<string>()

  constructor(readonly tell: (event: ModerationEvent) => void) {}

  passed({ what, key, name }: Passed): void {
    if (!this.#isNew(`${what} ${key}`)) return
    this.tell({ type: 'unjudged', what, from: 'reply', ...(name !== undefined && { name }) })
  }

  omitted(path: string): void {
    const field = path.slice(0, 200)
    if (this.#isNew(`omitted ${field}`)) this.tell({ type: 'omitted', field })
  }

  #isNew(told: string): boolean {
    if (this.#told.has(told) || this.#told.size >= MOST_TOLD) return false
    this.#told.add(told)
    return true
  }
}
