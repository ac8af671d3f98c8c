// Qwen's pre-tokeniser: the pieces of normalised text inside which byte pairs are merged, and across
// which they never are. Splitting here rather than in llama.cpp gives whole texts and streams the same
// pieces by construction, follows Qwen's own rule where llama.cpp's differs (`'ſ` is a contraction),
// and keeps every added token's spelling from reaching llama.cpp in one piece: a spelling has a letter
// before its closing bracket, and a piece never goes on after a letter with anything but letters.

/** The pattern of Qwen's tokenizer.json. JS's `\s` is not Unicode's White_Space, and `(?i:` needs Node 23. */
const PRE_TOKEN =
  /'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

/** All white space is in the basic plane. */
const WHITE_SPACE = /\p{White_Space}/u

/** The pre-tokens of NFC text; together they are the text. */
export function preTokens(text: string): string[] {
  return text.match(PRE_TOKEN) ?? []
}

/** Length of `text` without the white space it ends with. */
export function lengthBeforeTrailingSpace(text: string): number {
  let length = text.length
  while (length > 0 && WHITE_SPACE.test(text.charAt(length - 1))) length--
  return length
}

/** Text with every lone surrogate replaced by U+FFFD, which has the same length in UTF-16 units. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD')
}

/**
 * Characters that may join what stands before them when text is normalised to NFC: marks, the vowels
 * and finals of Hangul, and the vowels of Kirat Rai. Text can be cut, and normalised in parts, before
 * any other.
 */
export const MAY_COMPOSE = /^[\p{M}\u1160-\u11FF\u{16D63}\u{16D67}-\u{16D6A}]/u
