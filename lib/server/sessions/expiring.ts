/** What is kept by id for as long as somebody uses it, and no more of it than there may be. */
export class Expiring<T> {
  readonly #most: number
  readonly #ms: number
  readonly #drop: (value: T) => void
  /** The one that has not been used for longest first. */
  readonly #entries = new Map<string, { value: T; used: number }>()
  #timer: NodeJS.Timeout | null = null

  /** @param drop is called with what is forgotten */
  constructor(most: number, ms: number, drop: (value: T) => void) {
    this.#most = most
    this.#ms = ms
    this.#drop = drop
  }

  get size(): number {
    return this.#entries.size
  }

  /** What is kept under an id; it counts as used. */
  get(id: string): T | undefined {
    const entry = this.#entries.get(id)
    if (!entry) return undefined
    this.#entries.delete(id)
    this.#entries.set(id, { ...entry, used: performance.now() })
    return entry.value
  }

  /** Keeps a value, in the place of the one that has not been used for longest if there is no other. */
  set(id: string, value: T): void {
    this.delete(id)
    for (const [oldest] of this.#entries) {
      if (this.#entries.size < this.#most) break
      this.delete(oldest)
    }
    this.#entries.set(id, { value, used: performance.now() })
    this.#timer ??= setInterval(() => this.#sweep(), Math.min(this.#ms, 1000)).unref()
  }

  delete(id: string): boolean {
    const entry = this.#entries.get(id)
    if (!entry) return false
    this.#entries.delete(id)
    this.#drop(entry.value)
    return true
  }

  clear(): void {
    for (const id of [...this.#entries.keys()]) this.delete(id)
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  #sweep(): void {
    const since = performance.now() - this.#ms
    for (const [id, { used }] of this.#entries) {
      if (used > since) break
      this.delete(id)
    }
    if (this.#entries.size > 0 || !this.#timer) return
    clearInterval(this.#timer)
    this.#timer = null
  }
}
