import { ModelKindError } from '../../errors.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'
import type { ReasoningEnd } from './text.js'

/** What ends a reply's reasoning, and may open it. @throws ModelKindError for a vocabulary that has no such token */
export function reasoningEnd(tokenizer: Tokenizer): ReasoningEnd {
  const text = '</think>'
  const opening = '<think>'
  const id = tokenizer.addedId(text)
  if (id === undefined)
    throw new ModelKindError(`this model's vocabulary has no ${text}: it cannot judge reasoning`)
  const openingId = tokenizer.addedId(opening)
  return { text, id, ...(openingId !== undefined && { opening: { text: opening, id: openingId } }) }
}

/** Ids that close a turn. */
export function turnClosing(tokenizer: Tokenizer): number[] {
  const end = tokenizer.addedId('<|im_end|>')
  if (end === undefined) throw new ModelKindError("this model's vocabulary has no <|im_end|>")
  return [end, ...tokenizer.encodeShort('\n')]
}
