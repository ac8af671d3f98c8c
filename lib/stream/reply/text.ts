import { atOnceOrLater, LITTLE_TEXT, nextTurn, type Steps, settled, turnIsOver } from '../../event-loop.js'
import { mayJoin, normalisedPieces, type Piece } from '../../tokenizer/normalise.js'
import { lengthBeforeTrailingSpace, preTokenBatches, wellFormed } from '../../tokenizer/pre-tokens.js'

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
  /** Ids of one pre-token of NFC text; a promise for a long one. */
  encodeWord(word: string): Int32Array | Promise<Int32Array>
  /** UTF-8 bytes of each id. */
  readonly lengths: ArrayLike<number>
}

/** The spelling that ends the reasoning of a reply, and its id. */
export interface ReasoningEnd {
  text: string
  id: number
  /**
   * What a model may open the reasoning with, although the prompt has opened it: one at the very beginning, with a line end
   * behind it, is taken off.
   */
  opening?: { text: string; id: number }
}

/** UTF-16 units; ordinary text is held back for a word or two. */
const LONG_RUN = 1024

/** UTF-16 units that may wait without being looked at. */
const FEW = 16

/** A run without end is looked at again when it has grown by such a part, so that all looks together stay linear. */
const GROWTH = 16

/**
 * Tokenises a reply that arrives in pieces, such that the tokens are those of the whole reply however it
 * is cut: a token comes out once nothing that follows can change it. What is held back is at most the
 * last pre-token, the white space at the end (a pre-token may take any part of it), characters that
 * a combining mark could still change, half a surrogate pair, and half a spelling of `</think>`.
 *
 * Long text is looked through in turns of the event loop, and its tokens are a promise: calls must not overlap.
 */
export class ReplyText {
  readonly #encoder: WordEncoder
  readonly #reasoningEnd: ReasoningEnd | null
  #inReasoning: boolean
  /** Whether the reply may yet begin with the opening. */
  #mayOpen: boolean
  /** The opening that was taken off, until a token's span takes it up. */
  #opened = ''
  #held = ''
  /** Length of what was held when it was last looked through. */
  #seen = 0
  /** Offset of the held text in the reply. */
  #start: number
  /** Offset up to which `provisional` last gave tokens. */
  #provisionalEnd: number

  /**
   * With `reasoningEnd` the reply begins inside the model's reasoning, and the first such spelling in it
   * is the special token that ends it; any other, and every one without it, is ordinary text.
   */
  constructor(encoder: WordEncoder, reasoningEnd: ReasoningEnd | null = null, start = 0) {
    this.#encoder = encoder
    this.#reasoningEnd = reasoningEnd
    this.#inReasoning = reasoningEnd !== null
    this.#mayOpen = reasoningEnd?.opening !== undefined && start === 0
    this.#start = start
    this.#provisionalEnd = start
  }

  /** Text pushed and not yet given out as tokens, in UTF-16 units. */
  get heldLength(): number {
    return this.#held.length
  }

  /** Takes the next piece of the reply; returns the tokens that have become final. */
  push(delta: string): ReplyToken[] | Promise<ReplyToken[]> {
    return atOnceOrLater(this.#push(delta))
  }

  *#push(delta: string): Steps<ReplyToken[]> {
    this.#held += delta
    // A run without end is not looked through for every character of it.
    const grown = this.#held.length - this.#seen
    if (this.#held.length > LONG_RUN && grown * GROWTH < this.#held.length) return []
    const tokens = yield* this.#final(false)
    this.#seen = this.#held.length
    // What is held now may begin elsewhere than what the tokens given before were tokens of.
    if (tokens.length > 0) this.#provisionalEnd = this.#start
    return tokens
  }

  /**
   * The tokens that the text held back has if the reply ends here; what follows may change them. None for a
   * few characters. Null if so little has come since the last call that what it gave will do. Half a
   * character and half a `</think>` wait.
   *
   * @param most tokens wanted; those after them are left out
   */
  provisional(most = Number.POSITIVE_INFINITY): ReplyToken[] | null | Promise<ReplyToken[]> {
    const end = this.#start + this.#held.length
    if (end - this.#provisionalEnd <= Math.max(FEW, this.#held.length / GROWTH)) {
      return this.#provisionalEnd === this.#start ? [] : null
    }
    this.#provisionalEnd = end
    const half = this.#inReasoning && this.#reasoningEnd ? overlap(this.#held, this.#reasoningEnd.text) : 0
    const raw = this.#held.slice(0, this.#held.length - half)
    return atOnceOrLater(this.#allTokens(raw.replace(HALF_PAIR, ''), most))
  }

  *#allTokens(raw: string, most: number): Steps<ReplyToken[]> {
    const { tokens } = yield* this.#tokensOf(raw, true, most)
    const [first, ...others] = tokens
    return this.#opened === '' || first === undefined ? tokens : [this.#withOpening(first), ...others]
  }

  /** The tokens that were still held back. */
  end(): ReplyToken[] | Promise<ReplyToken[]> {
    return atOnceOrLater(this.#final(true))
  }

  /** Takes the opening off, if the reply begins with it. False while that is not known. */
  #open(ended: boolean): boolean {
    const { text } = this.#reasoningEnd?.opening ?? { text: '' }
    if (!this.#mayOpen) return true
    if (!ended && `${text}\n`.startsWith(this.#held)) return false
    this.#mayOpen = false
    if (!this.#held.startsWith(text)) return true
    const opened = this.#held.startsWith('\n', text.length) ? `${text}\n` : text
    // A reply of nothing else is judged as it stands.
    if (opened === this.#held) return true
    this.#opened = opened
    this.#held = this.#held.slice(opened.length)
    this.#start += opened.length
    return true
  }

  /** The spans tile the reply: the first token's begins where the opening does. */
  #withOpening(token: ReplyToken): ReplyToken {
    const { length } = this.#opened
    return { ...token, start: token.start - length, text: this.#opened + token.text }
  }

  *#final(ended: boolean): Steps<ReplyToken[]> {
    if (!this.#open(ended)) return []
    const tokens = yield* this.#finalTokens(ended)
    const [first, ...others] = tokens
    if (this.#opened === '' || first === undefined) return tokens
    const opened = this.#withOpening(first)
    this.#opened = ''
    return [opened, ...others]
  }

  *#finalTokens(ended: boolean): Steps<ReplyToken[]> {
    let tokens: ReplyToken[] = []
    if (this.#inReasoning && this.#reasoningEnd) {
      const { text, id } = this.#reasoningEnd
      const at = this.#held.indexOf(text)
      if (at < 0) {
        const safe = ended ? this.#held.length : this.#held.length - overlap(this.#held, text)
        return yield* this.#take(safe, ended)
      }
      tokens = yield* this.#take(at, true)
      tokens.push({ id, start: this.#start, end: this.#start + text.length, text, part: 'reasoning' })
      this.#held = this.#held.slice(text.length)
      this.#start += text.length
      this.#inReasoning = false
    }
    return tokens.concat(yield* this.#take(this.#held.length, ended))
  }

  /** Takes tokens of the first `length` units held: all of them, or those that what follows cannot change. */
  *#take(length: number, ended: boolean): Steps<ReplyToken[]> {
    const available = this.#held.slice(0, length)
    const text = ended ? available : available.replace(HALF_PAIR, '')
    const { tokens, consumed } = yield* this.#tokensOf(text, ended)
    this.#held = this.#held.slice(consumed)
    this.#start += consumed
    return tokens
  }

  *#tokensOf(
    held: string,
    ended: boolean,
    most = Number.POSITIVE_INFINITY,
  ): Steps<{ tokens: ReplyToken[]; consumed: number }> {
    const raw = wellFormed(held)
    const long = raw.length > LITTLE_TEXT
    const pieces: Piece[] = []
    let text = ''
    for (const piece of normalisedPieces(raw)) {
      pieces.push(piece)
      text += piece.text
      if (long && turnIsOver()) yield nextTurn()
    }
    const words: string[] = []
    for (const batch of preTokenBatches(text)) {
      for (const word of batch) words.push(word)
      if (words.length > most) break
      if (long && turnIsOver()) yield nextTurn()
    }
    const final = ended ? words.length : countFinal(words, text, pieces)
    const part = this.#inReasoning ? 'reasoning' : 'answer'
    const ends = characterEnds(pieces)
    const tokens: ReplyToken[] = []
    let bytes = 0
    let start = 0
    for (let i = 0; i < final && tokens.length < most; i++) {
      const encoded = this.#encoder.encodeWord(words[i] as string)
      for (const id of yield* settled(encoded)) {
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
        if (tokens.length >= most) break
        if (tokens.length % 64 === 0 && turnIsOver()) yield nextTurn()
      }
    }
    return { tokens, consumed: start }
  }
}

/** Half a surrogate pair at the end. */
const HALF_PAIR = /[\uD800-\uDBFF]$/

/**
 * How many of the pre-tokens no later text can change. They end where the raw text can be cut: before a starter,
 * or right behind one that normalising left alone, since parts of NFC text are NFC.
 */
function countFinal(words: readonly string[], text: string, pieces: readonly Piece[]): number {
  const limit = Math.min(lengthBeforeTrailingSpace(text), text.length - 1)
  let count = 0
  let end = 0
  let next = 0
  let pieceStart = 0
  for (const [i, word] of words.entries()) {
    end += word.length
    if (end > limit) break
    for (let piece = pieces[next]; piece && pieceStart + piece.text.length <= end; piece = pieces[next]) {
      pieceStart += piece.text.length
      next += 1
    }
    const piece = pieces[next]
    if (end === pieceStart) count = i + 1
    else if (piece && piece.raw === piece.text && next < pieces.length - 1) {
      const before = end - pieceStart - (/[\uDC00-\uDFFF]/.test(text.charAt(end - 1)) ? 2 : 1)
      const behindStarter = !mayJoin(piece.text, before)
      if (behindStarter || !mayJoin(piece.text, end - pieceStart)) count = i + 1
    }
  }
  return count
}

/** Maps a count of UTF-8 bytes of the normalised text to the raw offset at which the character there ends. */
export function characterEnds(pieces: readonly Piece[]) {
  const characters = eachCharacter(pieces)
  let byteEnd = 0
  let rawEnd = 0
  return {
    /** Calls must not go back. */
    at(bytes: number): number {
      while (byteEnd < bytes) {
        const { value } = characters.next()
        if (!value) break
        byteEnd += value.bytes
        rawEnd += value.units
      }
      return rawEnd
    },
  }
}

function* eachCharacter(pieces: readonly Piece[]): Generator<{ bytes: number; units: number }, undefined> {
  for (const { raw, text } of pieces) {
    if (raw === text) {
      for (const one of text) yield { bytes: Buffer.byteLength(one), units: one.length }
    } else {
      // Changed by normalising: its characters have no places of their own in the raw text.
      yield { bytes: Buffer.byteLength(text), units: raw.length }
    }
  }
}

/** Length of the longest end of `text` with which `spelling` begins. */
function overlap(text: string, spelling: string): number {
  for (let length = Math.min(text.length, spelling.length - 1); length > 0; length--) {
    if (text.endsWith(spelling.slice(0, length))) return length
  }
  return 0
}
