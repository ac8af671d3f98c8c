/** Words of either generation, and the UTF-16 units of a word that is kept: some two megabytes at most. */
const MOST_WORDS = 4096
const MOST_UNITS = 64

/**
 * Ids of words that were tokenised lately. A prompt's template is the same every time, and texts share most of their
 * words, so nearly all of a prompt is here. What is not used for a generation of others is forgotten.
 */
export class WordCache {
  #recent = new Map<string, Int32Array>()
  #older = new Map<string, Int32Array>()

  get(word: string): Int32Array | undefined {
    const recent = this.#recent.get(word)
    if (recent) return recent
    const older = this.#older.get(word)
    if (older) this.set(word, older)
    return older
  }

  /** The ids are not copied: nobody writes into them. */
  set(word: string, ids: Int32Array): void {
    if (word.length > MOST_UNITS) return
    if (this.#recent.size >= MOST_WORDS) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(word, ids)
  }
}
