// Qwen's pre-tokeniser: the pieces of normalised text inside which byte pairs are merged, and across
// which they never are. Splitting here rather than in llama.cpp gives whole texts and streams the same
// pieces by construction, follows Qwen's own rule where llama.cpp's differs (`'ſ` is a contraction),
// and keeps every added token's spelling from reaching llama.cpp in one piece: a spelling has a letter
// before its closing bracket, and a piece never goes on after a letter with anything but letters.

import { wholeCharacters } from './normalise.js'

/** The pattern of Qwen's tokenizer.json. JS's `\s` is not Unicode's White_Space, and `(?i:` needs Node 23. */
const PRE_TOKEN =
  /'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

/** All white space is in the basic plane. */
const WHITE_SPACE = /\p{White_Space}/u

/** UTF-16 units that are matched at once: V8's matcher gives up on runs of a few millions. */
const WINDOW = 4096

/** The pre-tokens of NFC text, at once; together they are the text. */
export function preTokens(text: string): string[] {
  if (text.length <= WINDOW) return text.match(PRE_TOKEN) ?? []
  const words: string[] = []
  for (const batch of preTokenBatches(text)) for (const word of batch) words.push(word)
  return words
}

/** The same in parts, of which each takes little time; a part may be empty. */
export function* preTokenBatches(text: string, window = WINDOW): Generator<string[], void, undefined> {
  for (let at = 0; at < text.length; ) {
    const view = text.slice(at, wholeCharacters(text, at + window))
    const words = view.match(PRE_TOKEN) ?? []
    if (at + view.length === text.length) return yield words
    // What follows the view may change those that reach its end.
    const limit = Math.min(lengthBeforeTrailingSpace(view), view.length - 1)
    let count = 0
    let length = 0
    for (let next = words[0]; next !== undefined && length + next.length <= limit; next = words[count]) {
      length += next.length
      count += 1
    }
    if (count > 0) {
      words.length = count
      yield words
      at += length
    } else {
      const end = yield* longEnd(text, at, words[0] as string, window)
      yield [text.slice(at, end)]
      at = end
    }
  }
}

/** Where a pre-token ends of which `begin` is the beginning, as long as the window. */
function* longEnd(text: string, at: number, begin: string, window: number): Generator<string[], number> {
  const reach = function* (from: number, run: RegExp): Generator<string[], number> {
    for (let end = from; ; yield []) {
      const view = text.slice(end, wholeCharacters(text, end + window))
      run.lastIndex = 0
      const length = run.exec(view)?.[0].length ?? 0
      end += length
      if (length < view.length || end >= text.length) return end
    }
  }
  const reached = at + begin.length
  if (lengthBeforeTrailingSpace(begin) === 0) {
    const end = yield* reach(at, /\p{White_Space}*/uy)
    const space = text.slice(at, end)
    const line = Math.max(space.lastIndexOf('\n'), space.lastIndexOf('\r'))
    if (line >= 0) return at + line + 1
    // The last space goes with what follows.
    return end === text.length ? end : end - 1
  }
  if (/\p{L}$/u.test(begin)) return yield* reach(reached, /\p{L}*/uy)
  const symbols = /[\r\n]$/.test(begin) ? reached : yield* reach(reached, /[^\p{White_Space}\p{L}\p{N}]*/uy)
  return yield* reach(symbols, /[\r\n]*/y)
}

/** Length of `text` without the white space it ends with. */
export function lengthBeforeTrailingSpace(text: string): number {
  let length = text.length
  while (length > 0 && WHITE_SPACE.test(text.charAt(length - 1))) length--
  return length
}

/** Text with every lone surrogate replaced by U+FFFD, which has the same length in UTF-16 units. */
export function wellFormed(text: string): string {
  return text.toWellFormed()
}
