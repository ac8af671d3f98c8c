// NFC as Qwen's tokenizer applies it, in time that grows with the text alone: ordering the marks of one long run, as
// `String.prototype.normalize` does, takes time that grows with the square of the run.
import { normaliseAsQwen } from './newer-marks.js'

/**
 * Characters of a run that are normalised together. The marks of a longer run are put in order within each so many
 * of them only; UAX #15's stream-safe text has 30 at most.
 */
export const LONGEST_RUN = 256

/** UTF-16 units of a block, unless it has to be longer. */
const BLOCK = 4096

/**
 * Characters that may join what stands before them when text is normalised to NFC: marks, the vowels
 * and finals of Hangul, and the vowels of Kirat Rai. Text can be cut, and normalised in parts, before
 * any other.
 */
const JOINING = '[\\p{M}\\u1160-\\u11FF\\u{16D63}\\u{16D67}-\\u{16D6A}]'
const MAY_COMPOSE = new RegExp(`^${JOINING}`, 'u')
const LONG_RUNS = new RegExp(`${JOINING}{${LONGEST_RUN + 1},}`, 'gu')
const RUN_PARTS = new RegExp(`${JOINING}{1,${LONGEST_RUN}}`, 'gu')
/** A starter, or none, with whole parts of a run. */
const WHOLE_PARTS = new RegExp(`(?:(?!${JOINING})[^])?(?:${JOINING}{${LONGEST_RUN}})+`, 'uy')
/** What is normalised together and cannot be cut. */
const CLUSTERS = new RegExp(
  `(?!${JOINING})[^]${JOINING}{0,${LONGEST_RUN}}|${JOINING}{1,${LONGEST_RUN}}`,
  'gu',
)
/** NFC changes nothing below U+0300. */
const ABOVE_LATIN = /[^\0-\u02FF]/

/** Whether the character at `at` may join the one before it. */
export function mayJoin(text: string, at: number): boolean {
  const code = text.codePointAt(at) ?? 0
  return code >= 0x300 && MAY_COMPOSE.test(String.fromCodePoint(code))
}

/** `end`, or one unit less where that would cut a surrogate pair. */
export function wholeCharacters(text: string, end: number): number {
  const cut = end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1))
  return cut && /[\uDC00-\uDFFF]/.test(text.charAt(end)) ? end - 1 : end
}

/** NFC of well-formed text, at once. */
export function nfc(raw: string): string {
  if (raw.length <= BLOCK) return normaliseBlock(raw)
  let text = ''
  for (const block of normalisedBlocks(raw)) text += block
  return text
}

/** The same block by block. */
export function* normalisedBlocks(raw: string): Generator<string, void, undefined> {
  for (const [start, end] of blocks(raw, BLOCK)) yield normaliseBlock(raw.slice(start, end))
}

/** Cuts where text can be normalised in parts, in linear time. */
function* blocks(raw: string, size: number): Generator<[start: number, end: number], void, undefined> {
  for (let start = 0; start < raw.length; ) {
    const end = blockEnd(raw, start, size)
    yield [start, end]
    start = end
  }
}

function blockEnd(raw: string, start: number, size: number): number {
  if (start + size >= raw.length) return raw.length
  const last = wholeCharacters(raw, start + size)
  for (let cut = last; cut > start; cut = wholeCharacters(raw, cut - 1)) if (!mayJoin(raw, cut)) return cut
  // All of it is one run: as many whole parts as there are.
  WHOLE_PARTS.lastIndex = 0
  const parts = WHOLE_PARTS.exec(raw.slice(start, wholeCharacters(raw, start + BLOCK)))?.[0].length
  return parts === undefined ? nextStarter(raw, last) : start + parts
}

/** For a block that is shorter than the part of a run. */
function nextStarter(raw: string, from: number): number {
  let at = from
  while (at < raw.length && mayJoin(raw, at)) at += (raw.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
  return at
}

function normaliseBlock(block: string): string {
  if (!ABOVE_LATIN.test(block)) return block
  let text = ''
  let from = 0
  for (const { 0: run, index } of block.matchAll(LONG_RUNS)) {
    let at = index
    for (const [part] of run.matchAll(RUN_PARTS)) {
      at += part.length
      text += normaliseAsQwen(block.slice(from, at))
      from = at
    }
  }
  return text + normaliseAsQwen(block.slice(from))
}

/** Raw text that is normalised alone, and its NFC. */
export interface Piece {
  raw: string
  text: string
}

/**
 * Cuts well-formed text into pieces, each normalised: a starter with what may join it, or as much as stands together
 * and is NFC already. The last starter is always in a piece of its own.
 */
export function* normalisedPieces(raw: string): Generator<Piece, void, undefined> {
  for (const [start, end] of blocks(raw, LONGEST_RUN)) {
    const block = raw.slice(start, end)
    const last = end === raw.length
    if (!last && normaliseBlock(block) === block) {
      yield { raw: block, text: block }
      continue
    }
    const clusters = block.match(CLUSTERS) ?? []
    let same = ''
    for (const [i, cluster] of clusters.entries()) {
      const text = normaliseAsQwen(cluster)
      if (text === cluster && !(last && i === clusters.length - 1)) {
        same += cluster
        continue
      }
      if (same !== '') yield { raw: same, text: same }
      same = ''
      yield { raw: cluster, text }
    }
    if (same !== '') yield { raw: same, text: same }
  }
}
