import { lengthBeforeTrailingSpace, MAY_COMPOSE, preTokens, wellFormed } from '../engine/pre-tokens.js'

/** A token of a reply that no later text can change. */
export interface ReplyToken {
  id: number
  /** UTF-16 offsets in the reply as pushed; see TokenVerdict. */
  start: number
  end: number
  text: string
  part: 'reasoning' | 'answer'
}

/** What ReplyText needs of a tokeniser. */
export interface WordEncoder {
  /** Ids of one pre-token of NFC text. */
  encodeWord(word: string): Int32Array
  /** UTF-8 bytes of each id. */
  readonly lengths: ArrayLike<number>
}

/** The spelling that ends the reasoning of a reply, and its id. */
export interface ReasoningEnd {
  text: string
  id: number
}

/** UTF-16 units; ordinary text is held back for a word or two. */
const LONG_RUN = 1024

/**
 * Tokenises a reply that arrives in pieces, such that the tokens are those of the whole reply however it
 * is cut: a token comes out once nothing that follows can change it. What is held back is at most the
 * last pre-token, the white space at the end (a pre-token may take any part of it), characters that
 * a combining mark could still change, half a surrogate pair, and half a spelling of `</think>`.
 */
export class ReplyText {
  readonly #encoder: WordEncoder
  readonly #reasoningEnd: ReasoningEnd | null
  #inReasoning: boolean
  #held = ''
  /** Length of what was held when it was last looked through. */
  #seen = 0
  /** Offset of the held text in the reply. */
  #start = 0

  /**
   * With `reasoningEnd` the reply begins inside the model's reasoning, and the first such spelling in it
   * is the special token that ends it; any other, and every one without it, is ordinary text.
   */
  constructor(encoder: WordEncoder, reasoningEnd: ReasoningEnd | null = null, start = 0) {
    this.#encoder = encoder
    this.#reasoningEnd = reasoningEnd
    this.#inReasoning = reasoningEnd !== null
    this.#start = start
  }

  /** Text pushed and not yet given out as tokens, in UTF-16 units. */
  get heldLength(): number {
    return this.#held.length
  }

  /** Takes the next piece of the reply; returns the tokens that have become final. */
  push(delta: string): ReplyToken[] {
    this.#held += delta
    // A run without end is not looked through for every character of it.
    const grown = this.#held.length - this.#seen
    if (this.#held.length > LONG_RUN && grown * 16 < this.#held.length) return []
    const tokens = this.#final(false)
    this.#seen = this.#held.length
    return tokens
  }

  /** The tokens that were still held back. */
  end(): ReplyToken[] {
    return this.#final(true)
  }

  #final(ended: boolean): ReplyToken[] {
    const tokens: ReplyToken[] = []
    if (this.#inReasoning && this.#reasoningEnd) {
      const { text, id } = this.#reasoningEnd
      const at = this.#held.indexOf(text)
      if (at < 0) {
        const safe = ended ? this.#held.length : this.#held.length - overlap(this.#held, text)
        return this.#take(safe, ended)
      }
      tokens.push(...this.#take(at, true))
      tokens.push({ id, start: this.#start, end: this.#start + text.length, text, part: 'reasoning' })
      this.#held = this.#held.slice(text.length)
      this.#start += text.length
      this.#inReasoning = false
    }
    tokens.push(...this.#take(this.#held.length, ended))
    return tokens
  }

  /** Tokens of the first `length` units held: all of them, or those that what follows cannot change. */
  #take(length: number, ended: boolean): ReplyToken[] {
    const available = this.#held.slice(0, length)
    const half = !ended && /[\uD800-\uDBFF]$/.test(available) ? 1 : 0
    const raw = wellFormed(available.slice(0, available.length - half))
    const pieces = normalise(raw)
    const text = pieces.map((piece) => piece.text).join('')
    const words = preTokens(text)
    const final = ended ? words.length : countFinal(words, text, pieces)
    const part = this.#inReasoning ? 'reasoning' : 'answer'
    const { tokens, consumed } = this.#tokensOf(words.slice(0, final), pieces, raw, part)
    this.#held = this.#held.slice(consumed)
    this.#start += consumed
    return tokens
  }

  #tokensOf(words: string[], pieces: Piece[], raw: string, part: ReplyToken['part']) {
    const ends = characterEnds(pieces)
    const tokens: ReplyToken[] = []
    let bytes = 0
    let start = 0
    for (const word of words) {
      for (const id of this.#encoder.encodeWord(word)) {
        bytes += this.#encoder.lengths[id] ?? 0
        // The first token to reach into a character takes it whole.
        const end = Math.max(start, ends.at(bytes))
        tokens.push({
          id,
          start: this.#start + start,
          end: this.#start + end,
          text: raw.slice(start, end),
          part,
        })
        start = end
      }
    }
    return { tokens, consumed: start }
  }
}

/** Raw text that is normalised alone, and its NFC. */
interface Piece {
  raw: string
  text: string
}

/** Cuts well-formed text into a starter with what may join it, each part normalised. */
function normalise(raw: string): Piece[] {
  const pieces: Piece[] = []
  for (const character of raw) {
    const last = pieces.at(-1)
    if (last && MAY_COMPOSE.test(character)) last.raw += character
    else pieces.push({ raw: character, text: character })
  }
  for (const piece of pieces) piece.text = piece.raw.normalize('NFC')
  return pieces
}

/** How many of the pre-tokens no later text can change. */
function countFinal(words: readonly string[], text: string, pieces: readonly Piece[]): number {
  const boundaries = new Set<number>()
  let at = 0
  for (const piece of pieces) {
    boundaries.add(at)
    at += piece.text.length
  }
  const limit = Math.min(lengthBeforeTrailingSpace(text), text.length - 1)
  let count = 0
  let end = 0
  for (const [i, word] of words.entries()) {
    end += word.length
    if (end > limit) break
    if (boundaries.has(end)) count = i + 1
  }
  return count
}

/** Maps a count of UTF-8 bytes of the normalised text to the raw offset at which the character there ends. */
export function characterEnds(pieces: readonly Piece[]) {
  let piece = 0
  let byteEnd = 0
  let rawEnd = 0
  const characters: { bytes: number; units: number }[] = []
  return {
    /** Calls must not go back. */
    at(bytes: number): number {
      while (byteEnd < bytes) {
        if (characters.length === 0) {
          const next = pieces[piece++]
          if (next === undefined) break
          // Changed by normalising: its characters have no places of their own in the raw text.
          if (next.raw === next.text) {
            for (const one of next.text) characters.push({ bytes: Buffer.byteLength(one), units: one.length })
          } else {
            characters.push({ bytes: Buffer.byteLength(next.text), units: next.raw.length })
          }
        }
        const character = characters.shift()
        if (character === undefined) continue
        byteEnd += character.bytes
        rawEnd += character.units
      }
      return rawEnd
    },
  }
}

/** Length of the longest end of `text` with which `spelling` begins. */
function overlap(text: string, spelling: string): number {
  for (let length = Math.min(text.length, spelling.length - 1); length > 0; length--) {
    if (text.endsWith(spelling.slice(0, length))) return length
  }
  return 0
}
