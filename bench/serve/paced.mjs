// A reply of which each word is written when the one before has been read: so its time is not that of a queue. Or one that is
// written as fast as it is taken, as a model does that waits for nobody.
const WORDS =
  ' You could go for a walk in the park or visit a museum with your friends and then have a cup of tea at home'.match(
    / \w+/g,
  )

/** Nothing is held back or blocked, whatever the model thinks of a word: the next would be waited for, and not be written. */
export const NOTHING_HELD = { threshold: 1, prompt: 'allow' }

export const wordsOf = (count) => Array.from({ length: count }, (_, i) => WORDS[i % WORDS.length])

/** A chunk of an OpenAI stream. */
export function chunk(content, finish_reason = null) {
  const delta = content === '' ? {} : { content }
  const body = {
    id: 'c',
    object: 'chat.completion.chunk',
    created: 0,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason }],
  }
  return `data: ${JSON.stringify(body)}\n\n`
}

/** Source and reader of one reply. */
export class Paced {
  /** Milliseconds of each word, from the one behind it, which makes it final, to its release. */
  times = []
  #words
  #ends
  #read = 0
  #wake = () => {}
  #waits

  constructor(words, waits) {
    this.#words = words
    this.#waits = waits
    let end = 0
    this.#ends = words.map((word) => {
      end += word.length
      return end
    })
  }

  /** Text has reached the reader. */
  read(text) {
    this.#read += text.length
    this.#wake()
  }

  async *[Symbol.asyncIterator]() {
    for (const [i, word] of this.#words.entries()) {
      const since = performance.now()
      yield word
      if (i === 0 || !this.#waits) continue
      while (this.#read < this.#ends[i - 1]) {
        await new Promise((resolve) => {
          this.#wake = resolve
        })
      }
      this.times.push(performance.now() - since)
    }
  }
}
