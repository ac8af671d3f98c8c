let sentences: Intl.Segmenter | undefined
let clusters: Intl.Segmenter | undefined

/** Sentences by Unicode's rules, whatever the process's language. Made at the first call, which takes some milliseconds. */
export function sentencesOf(text: string): Intl.Segments {
  sentences ??= new Intl.Segmenter('und', { granularity: 'sentence' })
  return sentences.segment(text)
}

/** What readers see as characters, by the same rules. */
export function clustersOf(text: string): Intl.Segments {
  clusters ??= new Intl.Segmenter('und', { granularity: 'grapheme' })
  return clusters.segment(text)
}
