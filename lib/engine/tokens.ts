import { ModelFileError } from '../errors.js'
import type { NativeModel } from './binding.js'
import type { Rendered } from './chat-template.js'
import { fromNative, typedErrors } from './native-error.js'
import { preTokens, wellFormed } from './pre-tokens.js'

/** Ids of a rendered template. */
export interface TemplateIds {
  ids: Int32Array
  /** The added tokens the template wrote, in order: their ids and their indices in `ids`. */
  added: { id: number; index: number }[]
}

/**
 * Text to ids as Qwen's tokenizer does it, with one difference that is the point of it: an added
 * token such as `<|im_end|>` is one only where the template wrote it. In content the same spelling is
 * ordinary text, tokenised as Qwen's tokenizer.json does with `added_tokens` emptied.
 */
export class Tokenizer {
  readonly #native: NativeModel
  readonly #added: ReadonlyMap<string, number>
  readonly #spelling: RegExp | null
  /** UTF-8 bytes of each id; 0 for added tokens. */
  readonly lengths: Int32Array
  /** UTF-8 bytes of the longest token. */
  readonly longest: number

  constructor(native: NativeModel) {
    this.#native = native
    const added = native.addedTokens()
    this.#added = new Map(added.map((token) => [token.text, token.id]))
    // Longest first, so that a spelling that begins another does not hide it.
    const spellings = [...this.#added.keys()].filter(Boolean).sort((a, b) => b.length - a.length)
    this.#spelling = spellings.length > 0 ? new RegExp(spellings.map(escaped).join('|'), 'gu') : null
    this.lengths = native.tokenLengths()
    this.longest = this.lengths.reduce((most, length) => Math.max(most, length), 0)
  }

  /** Spellings of the added tokens. */
  get spellings(): string[] {
    return [...this.#added.keys()]
  }

  /** Number of ids. */
  get size(): number {
    return this.lengths.length
  }

  /** Id of an added token, or undefined if the vocabulary lacks it. */
  addedId(spelling: string): number | undefined {
    return this.#added.get(spelling)
  }

  /** Ids of plain text in which nothing is special, off the JS thread. */
  async encode(text: string): Promise<Int32Array> {
    const [ids] = await this.#encodeAll([text])
    return ids as Int32Array
  }

  /** Ids of a short text in which nothing is special, at once. */
  encodeShort(text: string): number[] {
    return preTokens(wellFormed(text).normalize('NFC')).flatMap((word) => [...this.encodeWord(word)])
  }

  /** Ids of one pre-token of NFC text, at once. */
  encodeWord(word: string): Int32Array {
    return this.#checked(
      word,
      typed(() => this.#native.tokenizeSync(word)),
    )
  }

  /** Ids of a rendered template. */
  async encodeRendered({ text, shield }: Rendered): Promise<TemplateIds> {
    const contents: string[] = []
    const specials: number[] = []
    let from = 0
    for (const match of this.#spelling ? text.matchAll(this.#spelling) : []) {
      contents.push(text.slice(from, match.index))
      specials.push(this.#added.get(match[0]) as number)
      from = match.index + match[0].length
    }
    contents.push(text.slice(from))

    const encoded = await this.#encodeAll(contents.map((content) => content.replaceAll(shield, '')))
    const ids = new Int32Array(encoded.reduce((sum, part) => sum + part.length, specials.length))
    const added: TemplateIds['added'] = []
    let at = 0
    encoded.forEach((part, i) => {
      ids.set(part, at)
      at += part.length
      const id = specials[i]
      if (id !== undefined) {
        ids[at] = id
        added.push({ id, index: at++ })
      }
    })
    return { ids, added }
  }

  /** Text of ids; added tokens are left out. */
  decode(ids: Int32Array): string {
    return typed(() => this.#native.detokenize(ids))
  }

  /** Ids of several texts. Words repeat, and each is sent to the native side once. */
  async #encodeAll(texts: string[]): Promise<Int32Array[]> {
    const words = texts.map((text) => preTokens(wellFormed(text).normalize('NFC')))
    const distinct = [...new Set(words.flat())]
    const encoded = new Map<string, Int32Array>()
    const ids = distinct.length > 0 ? await typedErrors(this.#native.tokenize(distinct)) : []
    distinct.forEach((word, i) => {
      encoded.set(word, this.#checked(word, ids[i]))
    })
    return words.map((list) => {
      const parts = list.map((word) => encoded.get(word) as Int32Array)
      const joined = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
      let at = 0
      for (const part of parts) {
        joined.set(part, at)
        at += part.length
      }
      return joined
    })
  }

  /** Text the vocabulary cannot spell would be dropped by llama.cpp, and so would never be judged. */
  #checked(word: string, ids: Int32Array | undefined): Int32Array {
    const bytes = ids?.reduce((sum, id) => sum + (this.lengths[id] ?? 0), 0)
    if (ids === undefined || bytes !== Buffer.byteLength(word)) {
      throw new ModelFileError(
        `the model's vocabulary does not spell ${JSON.stringify(word)}: its tokens stand for ${bytes ?? 0} of ${Buffer.byteLength(word)} bytes. Use a GGUF converted from the original tokenizer.json`,
      )
    }
    return ids
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/gu, '\\$&')
}

function typed<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw fromNative(error)
  }
}
