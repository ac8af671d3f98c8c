import { nextTurn, turnIsOver } from '../event-loop.js'
import { clustersOf, sentencesOf } from '../segments.js'
import { nfc } from '../tokenizer/normalise.js'
import { wellFormed } from '../tokenizer/pre-tokens.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'

/** A stretch of a text in UTF-16 units. */
export interface Span {
  start: number
  end: number
}

/** The least room, in tokens, in which a stretch of text is worth judging. */
export const SHORTEST_WINDOW = 32

/** Consecutive windows share at most one part in this many of a window. */
const OVERLAP = 8

/** Segmenting is quadratic in V8: a longer text is segmented in blocks of this many units. */
const BLOCK = 2048

/** A grapheme cluster longer than this may be cut between its code points. */
const LONGEST_CLUSTER = 32

/** Where a window may begin or end. */
interface Cut {
  /** Offset in UTF-16 units. */
  at: number
  /** Tokens of the text before it. */
  tokens: number
  /** A sentence ends here; otherwise it is a cut inside one that is long. */
  sentence: boolean
}

/**
 * Overlapping windows of `text` of about `room` tokens each, in order; together they are the whole text. They
 * end where a sentence ends, or inside one that is longer than a window less an overlap. The next one begins up
 * to an eighth of a window before that: at a sentence, or inside one that is longer than the overlap.
 *
 * `encode` gives the prompt that judges a stretch, or null if it does not fit after all.
 * @yields each stretch with its prompt. Null stands for one that cannot be made to fit.
 */
export async function* cutWindows(
  text: string,
  tokenizer: Tokenizer,
  room: number,
  encode: (span: Span) => Promise<Int32Array | null>,
): AsyncGenerator<{ span: Span; prompt: Int32Array } | null, void, undefined> {
  const overlap = Math.floor(room / OVERLAP)
  const cuts = await cutsOf(text, await tokensBefore(tokenizer, text), overlap)
  let first = 0
  let end = 0
  while (end < cuts.length - 1) {
    let last = lastCut(cuts, first, end, room, overlap)
    let prompt: Int32Array | null = null
    while (prompt === null) {
      const span = { start: (cuts[first] as Cut).at, end: (cuts[last] as Cut).at }
      prompt = await encode(span)
      if (prompt) yield { span, prompt }
      // Longer than it was estimated: a smaller one, at last without an overlap.
      else if (last > end + 1) last -= 1
      else if (first < end) first = end
      else return yield null
    }
    end = last
    first = firstCut(cuts, end, overlap)
  }
}

/**
 * Where the window from `first` ends, behind `end`: with a sentence, but for a long one that no window could
 * hold together with an overlap.
 */
function lastCut(cuts: readonly Cut[], first: number, end: number, room: number, overlap: number): number {
  const limit = (cuts[first] as Cut).tokens + room
  let last = end + 1
  while (last + 1 < cuts.length && (cuts[last + 1] as Cut).tokens <= limit) last++
  let at = last
  while (at > end && !cuts[at]?.sentence) at--
  if (at === end || at === cuts.length - 1) return last
  const from = (cuts[at] as Cut).tokens
  let next = at + 1
  // No further than the answer needs: a sentence may be as long as the text.
  while (next < cuts.length - 1 && !cuts[next]?.sentence) {
    if ((cuts[next] as Cut).tokens - from > room - overlap) return last
    next++
  }
  return (cuts[next] as Cut).tokens - from > room - overlap ? last : at
}

/** Where the window after one that ends at `end` begins: as early as the overlap allows, at a sentence if it can. */
function firstCut(cuts: readonly Cut[], end: number, overlap: number): number {
  const limit = (cuts[end] as Cut).tokens - overlap
  let first = end
  while (first > 0 && (cuts[first - 1] as Cut).tokens >= limit) first--
  for (let at = first; at < end; at++) if (cuts[at]?.sentence) return at
  return first
}

/** All cuts of a text, its beginning and end among them, at most about `most` tokens apart. */
async function cutsOf(text: string, tokensAt: (bytes: number) => number, most: number): Promise<Cut[]> {
  const cuts: Cut[] = [{ at: 0, tokens: 0, sentence: true }]
  let bytes = 0
  for (const { start, end, complete } of boundedSentences(text)) {
    if (turnIsOver()) await nextTurn()
    const sentence = text.slice(start, end)
    const after = bytes + byteLength(sentence)
    const tokens = tokensAt(after)
    if (tokens - tokensAt(bytes) > most) {
      let from = tokensAt(bytes)
      let here = bytes
      let at = start
      for (const atom of atomsOf(sentence)) {
        if (turnIsOver()) await nextTurn()
        here += byteLength(atom)
        const reached = Math.min(tokensAt(here), tokens)
        if (reached - from > most && at > start) {
          const before = tokensAt(here - byteLength(atom))
          cuts.push({ at, tokens: Math.min(before, tokens), sentence: false })
          from = before
        }
        at += atom.length
      }
    }
    cuts.push({ at: end, tokens, sentence: complete })
    bytes = after
  }
  return cuts
}

/** Sentences in order; not `complete` where one is too long to be looked at as a whole. */
function* boundedSentences(text: string): Generator<Span & { complete: boolean }> {
  for (let at = 0; at < text.length; ) {
    const atEnd = at + BLOCK >= text.length
    const block = atEnd ? text.slice(at) : text.slice(at, clusterStart(text, at, at + BLOCK))
    const ends = [...sentencesOf(block)].map(({ index, segment }) => at + index + segment.length)
    // Text that follows the block may belong to its last sentence.
    if (!atEnd && ends.length > 1) ends.pop()
    const complete = atEnd || ends.length > 1 || ends[0] !== at + block.length
    for (const end of ends) {
      yield { start: at, end, complete }
      at = end
    }
  }
}

/** Start of the grapheme cluster at `at`, or of the code point where that is the only one from `from` on. */
function clusterStart(text: string, from: number, at: number): number {
  const cluster = clustersOf(text.slice(from, at + LONGEST_CLUSTER)).containing(at - from)
  if (cluster && cluster.index > 0) return from + cluster.index
  // A code point above U+FFFF begins before `at` if `at` is inside it.
  return (text.codePointAt(at - 1) ?? 0) > 0xffff ? at - 1 : at
}

/** What is never cut: grapheme clusters, or code points where a cluster is very long. */
function* atomsOf(sentence: string): Generator<string> {
  for (const { segment } of clustersOf(sentence)) {
    if (segment.length <= LONGEST_CLUSTER) yield segment
    else yield* segment
  }
}

/** UTF-8 bytes of a text as it is tokenised. */
function byteLength(text: string): number {
  return Buffer.byteLength(nfc(wellFormed(text)))
}

/** Tells how many tokens of the whole text begin before a count of its UTF-8 bytes. */
async function tokensBefore(tokenizer: Tokenizer, text: string): Promise<(bytes: number) => number> {
  const ids = await tokenizer.encode(text)
  const begins = new Float64Array(ids.length)
  let bytes = 0
  for (const [i, id] of ids.entries()) {
    begins[i] = bytes
    bytes += tokenizer.lengths[id] ?? 0
    if (i % 4096 === 4095 && turnIsOver()) await nextTurn()
  }
  return (limit) => {
    let [low, high] = [0, begins.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((begins[middle] as number) < limit) low = middle + 1
      else high = middle
    }
    return low
  }
}
