import type { NativeModel } from '../binding/binding.js'
import { fromNative, typedErrors } from '../binding/native-error.js'
import { ModelFileError } from '../errors.js'
import { atOnceOrLater, LITTLE_TEXT, nextTurn, type Steps, settled, turnIsOver } from '../event-loop.js'
import { eachMatch, without } from './blocks.js'
import type { Rendered } from './chat-template.js'
import { concatenated, Dictionary } from './dictionary.js'
import { encodeInParts, PART } from './long-words.js'
import { nfc, normalisedBlocks } from './normalise.js'
import { preTokenBatches, preTokens, wellFormed } from './pre-tokens.js'
import { WordCache } from './word-cache.js'

/** Ids of a rendered template. */
export interface TemplateIds {
  ids: Int32Array
  /** The added tokens the template wrote, in order: their ids and their indices in `ids`. */
  added: { id: number; index: number }[]
}

/** A text that has more tokens than were asked for; it was not looked through to its end. */
export interface Overlong {
  atLeast: number
}

/** UTF-16 units of raw text that NFC can make one byte of: a letter with several marks becomes three bytes. */
const UNITS_A_BYTE = 2

/** Words that native tokenises in one go, and their UTF-16 units: handing over and back is the JS thread's work. */
const BATCH_WORDS = 2048
const BATCH_UNITS = 65_536

/** UTF-16 units of a pre-token that is tokenised at once. */
const SHORT_WORD = 512

/** UTF-16 units of a word that an error shows. */
const SHOWN = 64

/** So few words, and short ones, are tokenised sooner than they are handed to another thread and back. */
const FEW_WORDS = 48
const FEW_UNITS = 768

/**
 * Text to ids as Qwen's tokenizer does it, with one difference that is the point of it: an added
 * token such as `<|im_end|>` is one only where the template wrote it. In content the same spelling is
 * ordinary text, tokenised as Qwen's tokenizer.json does with `added_tokens` emptied.
 */
export class Tokenizer {
  readonly #native: NativeModel
  readonly #added: ReadonlyMap<string, number>
  readonly #spelling: RegExp | null
  readonly #longestSpelling: number
  readonly #known = new WordCache()
  /** Spellings of the added tokens. */
  readonly spellings: readonly string[]
  /** UTF-8 bytes of each id; 0 for added tokens. */
  readonly lengths: Int32Array
  /** UTF-8 bytes of the longest token. */
  readonly longest: number

  constructor(native: NativeModel) {
    this.#native = native
    const added = native.addedTokens()
    this.#added = new Map(added.map((token) => [token.text, token.id]))
    this.spellings = Object.freeze([...this.#added.keys()])
    // Longest first, so that a spelling that begins another does not hide it.
    const spellings = [...this.#added.keys()].filter(Boolean).sort((a, b) => b.length - a.length)
    this.#longestSpelling = spellings[0]?.length ?? 0
    this.#spelling = spellings.length > 0 ? new RegExp(spellings.map(escaped).join('|'), 'gu') : null
    this.lengths = native.tokenLengths()
    this.longest = this.lengths.reduce((most, length) => Math.max(most, length), 0)
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
    const [ids] = (await atOnceOrLater(this.#encodeAll([text], Number.POSITIVE_INFINITY))) as Int32Array[]
    return ids as Int32Array
  }

  /** Ids of a short text in which nothing is special, at once. */
  encodeShort(text: string): number[] {
    return preTokens(nfc(wellFormed(text))).flatMap((word) => [...this.#encodeNow(word)])
  }

  /** Ids of one pre-token of NFC text: at once, or off the JS thread where it is long. */
  encodeWord(word: string): Int32Array | Promise<Int32Array> {
    if (word.length > SHORT_WORD) return this.#encodeLong(word)
    return this.#encodeNow(word)
  }

  async #encodeLong(word: string): Promise<Int32Array> {
    const parts: Int32Array[] = []
    await atOnceOrLater(this.#encodingLong(word, (ids) => parts.push(ids) > 0))
    return parts.length === 1 ? (parts[0] as Int32Array) : await atOnceOrLater(concatenated(parts))
  }

  /** Gives the ids of one pre-token to `take`, in parts, until it returns false. */
  *#encodingLong(word: string, take: (ids: Int32Array) => boolean): Steps<void> {
    const native = this.#native
    const encode = function* (this: Tokenizer, part: string): Steps<Int32Array> {
      const [ids] = yield* settled(typedErrors(native.tokenize([part])))
      return this.#checked(part, ids)
    }
    yield* encodeInParts(word, encode.bind(this), this.lengths, take)
  }

  #encodeNow(word: string): Int32Array {
    const known = this.#known.get(word)
    if (known) return known
    const ids = this.#checked(
      word,
      typed(() => this.#native.tokenizeSync(word)),
    )
    this.#known.set(word, ids)
    return ids
  }

  /** Ids of a rendered template; of one with more than `most` only that it has them. */
  async encodeRendered(rendered: Rendered): Promise<TemplateIds>
  async encodeRendered(rendered: Rendered, most: number): Promise<TemplateIds | Overlong>
  async encodeRendered(rendered: Rendered, most = Number.POSITIVE_INFINITY): Promise<TemplateIds | Overlong> {
    return await atOnceOrLater(this.encodingRendered(rendered, most))
  }

  /** As `encodeRendered`, at once where the text is short. */
  *encodingRendered({ text, shield }: Rendered, most: number): Steps<TemplateIds | Overlong> {
    const least = leastTokens(text.length, this.longest)
    if (least > most) return { atLeast: least }
    const contents: string[] = []
    const specials: number[] = []
    let from = 0
    const found = (spelling: string, index: number) => {
      contents.push(text.slice(from, index))
      specials.push(this.#added.get(spelling) as number)
      from = index + spelling.length
    }
    if (this.#spelling) yield* eachMatch(text, this.#spelling, this.#longestSpelling, found)
    contents.push(text.slice(from))
    if (specials.length > most) return { atLeast: specials.length }

    for (const [i, content] of contents.entries()) contents[i] = yield* without(content, shield)
    const encoded = yield* this.#encodeAll(contents, most - specials.length)
    if ('atLeast' in encoded) return { atLeast: encoded.atLeast + specials.length }
    const parts: Int32Array[] = []
    const added: TemplateIds['added'] = []
    let at = 0
    encoded.forEach((part, i) => {
      parts.push(part)
      at += part.length
      const id = specials[i]
      if (id !== undefined) {
        parts.push(Int32Array.of(id))
        added.push({ id, index: at++ })
      }
    })
    return { ids: yield* concatenated(parts), added }
  }

  /** Text of ids; added tokens are left out. */
  decode(ids: Int32Array): string {
    return typed(() => this.#native.detokenize(ids))
  }

  /**
   * Ids of several texts, in turns. Words repeat, and each is sent to the native side once. A word is a token at
   * least: more than `most` of them are not looked at.
   */
  *#encodeAll(texts: readonly string[], most: number): Steps<Int32Array[] | Overlong> {
    const long = texts.reduce((sum, { length }) => sum + length, 0) > LITTLE_TEXT
    const numbers = new Map<string, number>()
    const words: number[][] = []
    let count = 0
    for (const raw of texts) {
      let text = ''
      for (const block of normalisedBlocks(wellFormed(raw))) {
        text += block
        if (long && turnIsOver()) yield nextTurn()
      }
      const list: number[] = []
      words.push(list)
      for (const batch of preTokenBatches(text)) {
        for (const word of batch) {
          let number = numbers.get(word)
          if (number === undefined) {
            number = numbers.size
            numbers.set(word, number)
          }
          list.push(number)
        }
        count += batch.length
        if (count > most) return { atLeast: count }
        if (long && turnIsOver()) yield nextTurn()
      }
    }
    const dictionary = yield* this.#encodeWords([...numbers.keys()], most)
    if (dictionary.size > most) return { atLeast: dictionary.size }
    const encoded: Int32Array[] = []
    for (const list of words) encoded.push(yield* dictionary.idsOf(list))
    return encoded
  }

  /** Ids of words; of no more of them than come to `most` ids and those that go beyond. */
  *#encodeWords(words: readonly string[], most: number): Steps<Dictionary> {
    const dictionary = new Dictionary(words.length)
    for (let from = 0; from < words.length && dictionary.size <= most; ) {
      const first = words[from] as string
      if (first.length > PART) {
        yield* this.#encodingLong(first, (ids) => dictionary.add(ids) <= most)
        dictionary.endWord()
        from += 1
        continue
      }
      const batch: { word: string; ids: Int32Array | undefined }[] = []
      const unknown: string[] = []
      let unknownUnits = 0
      for (let units = 0; from < words.length && batch.length < BATCH_WORDS && units < BATCH_UNITS; from++) {
        const word = words[from] as string
        if (word.length > PART) break
        const ids = this.#known.get(word)
        batch.push({ word, ids })
        units += word.length
        if (ids) continue
        unknown.push(word)
        unknownUnits += word.length
      }
      const fresh = new Map<string, Int32Array>()
      if (unknown.length > 0) {
        const many = unknown.length > FEW_WORDS || unknownUnits > FEW_UNITS
        const ids = many
          ? yield* settled(typedErrors(this.#native.tokenize(unknown)))
          : typed(() => this.#native.tokenizeFew(unknown))
        unknown.forEach((word, i) => {
          fresh.set(word, this.#checked(word, ids[i]))
        })
      }
      for (const { word, ids } of batch) {
        dictionary.add((ids ?? fresh.get(word)) as Int32Array)
        dictionary.endWord()
      }
      for (const [word, ids] of fresh) this.#known.set(word, ids)
      if (from < words.length && turnIsOver()) yield nextTurn()
    }
    return dictionary
  }

  /** Text the vocabulary cannot spell would be dropped by llama.cpp, and so would never be judged. */
  #checked(word: string, ids: Int32Array | undefined): Int32Array {
    const bytes = ids?.reduce((sum, id) => sum + (this.lengths[id] ?? 0), 0)
    if (ids === undefined || bytes !== Buffer.byteLength(word)) {
      throw new ModelFileError(
        `the model's vocabulary does not spell ${JSON.stringify(word.slice(0, SHOWN))}: its tokens stand for ${bytes ?? 0} of ${Buffer.byteLength(word)} bytes. Use a GGUF converted from the original tokenizer.json`,
      )
    }
    return ids
  }
}

/** Tokens that so many UTF-16 units of text have at least, where the longest token has `longest` bytes. */
export function leastTokens(units: number, longest: number): number {
  return Math.floor(units / (UNITS_A_BYTE * Math.max(1, longest)))
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
