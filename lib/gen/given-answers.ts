/** Answers remembered: of each a number and a short list. */
const MOST = 4096

/**
 * What prompts were answered with, as the first draft of the answer to the same prompt: it costs nothing where it is wrong, and
 * where it is right one pass does, whatever the severity. A prompt is known by a hash, so that another one's answer may come
 * out: a draft like any other, which the model is asked about token by token.
 */
export class GivenAnswers {
  /** The least recently given first. */
  readonly #answers = new Map<number, readonly number[]>()

  /** Ids that the prompt was answered with. */
  of(prompt: Int32Array): readonly number[] | undefined {
    return this.#answers.get(hash(prompt))
  }

  note(prompt: Int32Array, ids: readonly number[]): void {
    const key = hash(prompt)
    this.#answers.delete(key)
    this.#answers.set(key, ids)
    if (this.#answers.size > MOST) this.#answers.delete(this.#answers.keys().next().value as number)
  }
}

/** FNV-1a over the ids. */
function hash(ids: Int32Array): number {
  let value = 0x811c9dc5
  for (let i = 0; i < ids.length; i++) value = Math.imul(value ^ (ids[i] as number), 0x01000193)
  return value
}
