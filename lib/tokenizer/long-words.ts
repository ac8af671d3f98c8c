// Ids of a pre-token of megabytes: a run of one script's letters, or of symbols, is one. Its byte pairs are merged part by
// part, so that time grows with its length alone, memory does not, and whoever has seen enough stops.
import type { Steps } from '../event-loop.js'
import { wholeCharacters } from './normalise.js'

/** UTF-16 units of a part, unless it has to be longer; a pre-token that is longer is taken in parts. */
export const PART = 8192

/** UTF-8 bytes that follow a cut in its part at least: what stands behind it rarely reaches so far back. */
const BEHIND = 256
/** UTF-16 units at a part's end in which cuts are looked for, and how many are tried. */
const TAIL = 2048
const TRIES = 4

interface Part {
  from: number
  end: number
  ids: Int32Array
}

/**
 * Calls `take` with the ids of `word`, in order and in parts, until it returns false.
 *
 * Each is the same as if the whole were merged at once. A part is cut between two of its tokens, and the next one begins
 * there; if that one's first token is the one that the cut part has there, then nothing would be merged across the cut: the
 * merges inside two tokens come in the same order beside any others, and beside each other they did not join them. Where no
 * cut is such, the part is made larger.
 *
 * @param encode ids of a part of `word` that is merged at once
 * @param lengths UTF-8 bytes of each id
 */
export function* encodeInParts(
  word: string,
  encode: (part: string) => Steps<Int32Array>,
  lengths: Int32Array,
  take: (ids: Int32Array) => boolean,
): Steps<void> {
  const partFrom = function* (from: number, size: number): Steps<Part> {
    const end = partEnd(word, from, size)
    return { from, end, ids: yield* encode(word.slice(from, end)) }
  }
  let size = PART
  let part = yield* partFrom(0, size)
  while (part.end < word.length) {
    let next: Part | null = null
    for (const { count, units } of cuts(word.slice(part.from, part.end), part.ids, lengths)) {
      const tried = yield* partFrom(part.from + units, PART)
      if (tried.ids[0] !== part.ids[count]) continue
      if (!take(part.ids.subarray(0, count))) return
      next = tried
      break
    }
    size = next === null ? 2 * size : PART
    part = next ?? (yield* partFrom(part.from, size))
  }
  take(part.ids)
}

/** Where a part from `from` on ends. One that holds a line end ends with one: llama.cpp would split it behind the last. */
function partEnd(word: string, from: number, size: number): number {
  const end = wholeCharacters(word, Math.min(from + size, word.length))
  if (end === word.length) return end
  const part = word.slice(from, end)
  const line = Math.max(part.lastIndexOf('\n'), part.lastIndexOf('\r'))
  return line < 0 ? end : from + line + 1
}

/** Places between tokens, and between characters, near a part's end: how many tokens and UTF-16 units are before them. */
function* cuts(
  part: string,
  ids: Int32Array,
  lengths: Int32Array,
): Generator<{ count: number; units: number }, void> {
  const start = wholeCharacters(part, Math.max(1, part.length - TAIL))
  const bytes = Buffer.from(part.slice(start))
  let at = bytes.length
  let limit = bytes.length - BEHIND
  let tries = 0
  for (let count = ids.length - 1; count > 0 && tries < TRIES; count--) {
    at -= lengths[ids[count] as number] as number
    if (at < 0) return
    if (at > limit || ((bytes[at] as number) & 0xc0) === 0x80) continue
    yield { count, units: start + bytes.toString('utf8', 0, at).length }
    limit = at - BEHIND
    tries += 1
  }
}
