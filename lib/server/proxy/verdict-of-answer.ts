import type { BlockEvent } from '../../adapters/moderator.js'
import { GuardError } from '../../errors.js'
import type { Category, Safety } from '../../labels.js'
import { HttpError, httpError } from '../errors.js'
import { errorJson } from '../event-json.js'
import { byOpenAiCategory, openAiCategories, scoreOf } from '../openai-categories.js'
import type { WatchedGuard } from './watched-guard.js'

interface Found {
  safety: Safety
  categories: Category[]
  probabilities: Record<Safety, number>
  shares: Partial<Record<Category, number>>
  flagged: boolean
}

/** OpenAI's `moderation` of an answer: what was found of the prompt and of what the model wrote. */
export function moderationOf(watched: WatchedGuard, model: string, block: BlockEvent | null) {
  const { prompt, replies } = watched
  const failed = block && (block.reason === 'failure' || block.reason === 'overload') ? block.error : null
  const results = (list: object[]) => ({ type: 'moderation_results', model, results: list })
  const input = prompt && {
    safety: prompt.verdict.safety,
    categories: named(prompt.verdict.category),
    probabilities: prompt.verdict.probabilities,
    shares: prompt.verdict.categories,
    flagged: prompt.action === 'block',
  }
  const output = replies.map(({ verdict, action, worst }) => ({
    safety: verdict?.safety ?? ('Unsafe' as const),
    categories: named(verdict?.category ?? worst?.category ?? null),
    probabilities: worst?.probabilities ?? { Safe: 1, Controversial: 0, Unsafe: 0 },
    shares: worst?.categories ?? {},
    flagged: action === 'block',
  }))
  const error = failed ? { type: 'error', ...errorJson(failed) } : null
  return {
    input: input ? results([result(input, model)]) : (error ?? results([])),
    output: error ?? results(output.map((found) => result(found, model))),
  }
}

function result({ safety, categories, probabilities, shares, flagged }: Found, model: string) {
  const found = new Set(flagged ? openAiCategories(categories) : [])
  const strict = probabilities.Unsafe + probabilities.Controversial
  return {
    type: 'moderation_result',
    model,
    flagged,
    categories: byOpenAiCategory((category) => found.has(category)),
    category_scores: byOpenAiCategory((category) => scoreOf(category, shares, strict)),
    category_applied_input_types: byOpenAiCategory(() => ['text']),
    qwen3guard: { safety, categories, scores: { safety: probabilities, categories: shares } },
  }
}

/** The error of an answer of which nothing has gone out when it was blocked. */
export function blockedError(block: BlockEvent, param: string): HttpError {
  const { reason, verdict, error, unjudged } = block
  if (error && GuardError.isGuardError(error)) return httpError(error, param)
  if (reason === 'unjudged') {
    const what = unjudged === 'media' ? 'images or files' : 'tool calls'
    return new HttpError({
      status: 400,
      message: `Blocked: it holds ${what}, which no guard reads and this server does not let pass`,
      param,
      code: 'unsupported_content',
    })
  }
  const stage = reason === 'prompt' ? 'input' : 'output'
  const categories = named(verdict?.category ?? null)
  const safety = verdict ? ('risk' in verdict ? verdict.risk : verdict.safety) : null
  return new HttpError({
    status: 400,
    message: `Blocked by moderation: the ${stage === 'input' ? 'prompt' : 'reply'} is ${safety ?? 'not judged'}${categories.length > 0 ? ` (${categories.join(', ')})` : ''}`,
    param: stage === 'input' ? param : null,
    code: 'moderation_blocked',
    details: {
      categories: openAiCategories(categories),
      moderation_stage: stage,
      qwen3guard: safety === null ? null : { safety, categories },
    },
  })
}

function named(category: Category | null): Category[] {
  return category === null ? [] : [category]
}
