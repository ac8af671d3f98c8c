import type { Sequence } from '../engine/sequence.js'
import { begun, type Steps } from '../event-loop.js'
import { CATEGORIES, type Category } from '../labels.js'
import type { AnswerTexts } from './answer-text.js'
import type { AnswerTokens } from './answer-tokens.js'
import { draftRest } from './draft.js'
import type { GenMode } from './template.js'

/** Tokens an answer may have, as in Qwen's own evaluation. */
export const MAX_ANSWER_TOKENS = 128

/** A draft's tokens are outputs of one decode, and those are limited. */
const MAX_DRAFT_TOKENS = 48

export interface Answer {
  text: string
  /** Tokens of the answer, without the one that ends it. */
  ids: number[]
  /** Logits of `AnswerTokens.named` at the position that decided each token, and the end. */
  named: Float32Array[]
  /** Least lead, in logits, of one of them over the runner-up. */
  leastMargin: number
  /** llama_decode calls and their wall time. */
  passes: number
  ms: number
  /** Tokens of the prompt that did not have to be computed. */
  cached: number
}

export interface AnswerRequest {
  mode: GenMode
  prompt: Int32Array
  /** false decodes one token at a time. Both ways give the same answer. */
  drafts: boolean
  /** Ids that the answer probably has. */
  likely?: readonly number[] | undefined
  signal: AbortSignal | undefined
}

/**
 * What greedy decoding of the model writes after `prompt`. The likely rest of the answer is appended as
 * a draft and read in the same decode: as far as each token is the model's own choice it stands, and
 * from the first that is not, the model's token is taken and a draft made for the rest.
 */
export function* decodeAnswer(
  sequence: Pick<Sequence, 'text'>,
  texts: AnswerTexts,
  answerTokens: AnswerTokens,
  { mode, prompt, drafts, likely, signal }: AnswerRequest,
): Steps<Answer> {
  const { named, stops } = answerTokens
  const answer: Answer = {
    text: '',
    ids: [],
    named: [],
    leastMargin: Number.POSITIVE_INFINITY,
    passes: 0,
    ms: 0,
    cached: 0,
  }
  let category: Category | null = null
  let keep: number | 'whole' = 'whole'
  let pending: ArrayLike<number> = prompt

  for (let ended = false; !ended; ) {
    const room = Math.min(MAX_DRAFT_TOKENS, MAX_ANSWER_TOKENS - answer.ids.length - 1)
    const guess = likely && answer.passes === 0 ? likely : draftTokens(texts, answer, mode, category)
    const draft = drafts ? guess.slice(0, room) : []
    const first = pending.length - 1
    const read = Int32Array.from({ length: draft.length + 1 }, (_, i) => first + i)
    const tokens = new Int32Array(pending.length + draft.length)
    tokens.set(pending)
    tokens.set(draft, pending.length)
    const output = yield* begun(sequence.text(tokens, { read, named, keep, signal }))
    if (keep === 'whole') answer.cached = output.cached
    answer.passes += output.passes
    answer.ms += output.ms

    const before = [...answer.ids]
    const rows = Array.from(read, (_, i) => output.named.subarray(i * named.length, (i + 1) * named.length))
    for (let at = 0; at <= draft.length; at++) {
      const id = output.greedy[at] as number
      answer.named.push(rows[at] as Float32Array)
      answer.leastMargin = Math.min(answer.leastMargin, output.margin[at] as number)
      if (stops.includes(id)) {
        ended = true
        break
      }
      answer.ids.push(id)
      if (id !== draft[at]) break
    }
    ended ||= answer.ids.length >= MAX_ANSWER_TOKENS
    answer.text = texts.of(answer.ids).text
    if (!ended) category ??= leaning(texts, answerTokens, before, draft, rows)
    // All of the answer but its last token is in the cache.
    keep = prompt.length + answer.ids.length - 1
    pending = answer.ids.slice(-1)
  }
  return answer
}

function draftTokens(
  texts: AnswerTexts,
  { text, ids }: Answer,
  mode: GenMode,
  category: Category | null,
): readonly number[] {
  const rest = draftRest(text, { response: mode === 'response', category })
  return rest === null ? [] : texts.rest(ids, rest)
}

/**
 * The category that is likeliest after `Categories:` of the draft, None apart. Read even where the model
 * did not take the draft so far: what it leans to after a wrong severity is a good guess after the right one.
 */
function leaning(
  texts: AnswerTexts,
  { categories }: AnswerTokens,
  before: readonly number[],
  draft: readonly number[],
  rows: readonly Float32Array[],
): Category | null {
  const { beginnings } = texts.of([...before, ...draft])
  for (let at = before.length; at < beginnings.length; at++) {
    if (!beginnings[at]?.endsWith('\nCategories:')) continue
    const scores = [...(rows[at - before.length] as Float32Array).subarray(categories[0] + 1, categories[1])]
    return CATEGORIES[scores.indexOf(Math.max(...scores))] ?? null
  }
  return null
}
