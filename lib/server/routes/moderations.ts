import type { Policy } from '../../policy.js'
import { badRequest } from '../errors.js'
import { findingOf, type Judgement, judgeAll, readPolicy } from '../judge.js'
import { byOpenAiCategory, openAiCategories, scoreOf } from '../openai-categories.js'
import { readJson } from '../requests/body.js'
import { MODERATION_REQUEST, type ModerationRequest } from '../schema/moderations.js'
import { valid } from '../schema/validate.js'
import type { App } from '../served.js'
import { newId, type Service } from '../service.js'

/** `POST /v1/moderations`, as OpenAI's. */
export function mountModerations(app: App, service: Service): void {
  app.post('/v1/moderations', async (call) => {
    const served = call.get('served')
    const request = valid(MODERATION_REQUEST, await readJson(call, service.limits))
    const policy = request.policy ? readPolicy(request.policy as Policy) : undefined
    const texts = textsOf(request, service.limits.batch)
    const results: object[] = []
    const isList = Array.isArray(request.input)
    const paramOf = (index: number) => (isList && texts.length > 1 ? `input[${index}]` : 'input')
    let model = ''
    for await (const judgement of judgeAll(service, served, texts, { policy, paramOf })) {
      model = judgement.model
      results.push(moderationResult(judgement))
    }
    return call.json({ id: newId('modr'), model, results })
  })
}

/** One text a result. @throws HttpError 400 */
function textsOf({ input }: ModerationRequest, most: number): string[] {
  if (typeof input === 'string') return [input]
  if (input.length > most) {
    throw badRequest(`Expected at most ${most} texts, got ${input.length}`, 'input', 'array_above_max_length')
  }
  const texts = input.map((part, index) => {
    if (typeof part === 'string') return part
    if (part.type === 'text') return part.text
    throw badRequest(
      `Images are not supported: no Qwen3Guard model reads them. Got one in 'input[${index}]'`,
      'input',
      'unsupported_image',
    )
  })
  return typeof input[0] === 'string' ? texts : [texts.join('\n')]
}

/** A result in OpenAI's words, and in ours. */
export function moderationResult(judgement: Judgement) {
  const { action, because, kind, model } = judgement
  const { safety, categories, probabilities, shares, refusal } = findingOf(judgement)
  const flagged = action === 'block'
  const found = new Set(flagged ? openAiCategories(categories) : [])
  const strict = probabilities.Unsafe + probabilities.Controversial
  return {
    flagged,
    categories: byOpenAiCategory((category) => found.has(category)),
    category_scores: byOpenAiCategory((category) => scoreOf(category, shares, strict)),
    category_applied_input_types: byOpenAiCategory(() => ['text']),
    qwen3guard: {
      model,
      kind,
      safety,
      categories,
      refusal,
      action,
      because,
      scores: { safety: probabilities, strict, loose: probabilities.Unsafe, categories: shares },
    },
  }
}
