import type { Tokenizer } from '../tokenizer/tokenizer.js'

/** The texts of the first 0, 1, 2, … of some ids, all in one call into the addon. */
export function textsOfBeginnings(tokenizer: Tokenizer, ids: readonly number[]): string[] {
  const whole = tokenizer.decode(Int32Array.from(ids))
  const bytes = Buffer.from(whole)
  const ends = [0]
  for (const id of ids) ends.push((ends.at(-1) as number) + (tokenizer.lengths[id] ?? 0))
  // Bytes that are no text have become U+FFFD, of another length: where the tokens end in it is not known then.
  const known = ends.at(-1) === bytes.length
  return ends.map((end, count) =>
    known ? bytes.toString('utf8', 0, end) : tokenizer.decode(Int32Array.from(ids.slice(0, count))),
  )
}
