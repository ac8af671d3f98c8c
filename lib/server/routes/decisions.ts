import { SAFETIES } from '../../labels.js'
import type { Input } from '../../types.js'
import { badRequest } from '../errors.js'
import { probabilityOf, severities } from '../fixed-questions.js'
import { type Finding, findingOf, type Judgement, judge } from '../judge.js'
import { readJson } from '../requests/body.js'
import { DECISION_REQUEST, type Question, SYSTEM_ONE_REQUEST } from '../schema/decisions.js'
import { valid } from '../schema/validate.js'
import type { App } from '../served.js'
import type { Service } from '../service.js'

/** `POST /v1/decisions` and `/v1/systemone`: fixed questions, answered with the guard's probabilities. */
export function mountDecisions(app: App, service: Service): void {
  app.post('/v1/decisions', async (call) => {
    const { input, questions } = valid(DECISION_REQUEST, await readJson(call, service.limits))
    const judgement = await judge(service, call.get('served'), input as Input, { param: 'input' })
    const found = findingOf(judgement)
    const answers = questions.map((question, i) =>
      decision(question, found, refusalOf(judgement), `questions[${i}]`),
    )
    const usage = {
      input_tokens: found.tokens,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: 0,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: found.tokens,
    }
    return call.json({ model: judgement.model, answers, usage })
  })

  app.post('/v1/systemone', async (call) => {
    const { state, questions } = valid(SYSTEM_ONE_REQUEST, await readJson(call, service.limits))
    if (Object.keys(questions).length === 0) throw badRequest('Expected at least one question', 'questions')
    const judgement = await judge(service, call.get('served'), inputOf(state), { param: 'state' })
    const found = findingOf(judgement)
    const answers: Record<string, object> = {}
    for (const [name, { type, criteria }] of Object.entries(questions)) {
      const param = `questions.${name}`
      if (type === 'noul') {
        answers[name] = { type, noul: probabilityOf(name, found, refusalOf(judgement), param) }
        continue
      }
      const named = Array.isArray(criteria) ? criteria : Object.keys((criteria as object | null) ?? {})
      const { best, probabilities, score } = of(severities(name, named, found, param))
      const legend = SAFETIES.map((label) => label)
      answers[name] =
        type === 'choice'
          ? { type, choice: best, probabilities, confidence: probabilities[best] }
          : { type, score, legend, probabilities, confidence: probabilities[best] }
    }
    return call.json({
      model: judgement.model,
      answers,
      usage: { input_tokens: found.tokens, output_tokens: 0 },
    })
  })
}

function decision(question: Question, found: Finding, refusal: number | null, param: string): object {
  const { type, name = null } = question
  if (type === 'predicate') {
    return { type, name, probability: probabilityOf(question.name, found, refusal, `${param}.name`) }
  }
  const options =
    type === 'choice' ? question.choices.map(({ value }) => value) : question.levels.map(({ label }) => label)
  const { best, probabilities, score } = of(severities(question.name, options, found, param))
  const confidence = probabilities[best]
  if (type === 'choice') {
    const list = SAFETIES.map((value) => ({ value, probability: probabilities[value] }))
    return { type, name, choice: best, confidence, probabilities: list }
  }
  const list = SAFETIES.map((label, value) => ({ label, value, probability: probabilities[label] }))
  return { type, name, score, confidence, probabilities: list }
}

/** The likeliest severity, and where between them it is: 0 for Safe, 2 for Unsafe. */
function of(probabilities: Finding['probabilities']) {
  const best = SAFETIES.reduce((best, one) => (probabilities[one] >= probabilities[best] ? one : best))
  return { best, probabilities, score: probabilities.Controversial + 2 * probabilities.Unsafe }
}

function refusalOf(judgement: Judgement): number | null {
  return judgement.kind === 'gen' ? judgement.verdict.scores.refusal : null
}

/** A state is a text, messages, or JSON that a user might have sent. */
function inputOf(state: unknown): Input {
  if (typeof state === 'string') return state
  if (Array.isArray(state) && state.length > 0 && state.every((one) => typeof one?.role === 'string'))
    return state
  if (state === undefined || state === null) throw badRequest('Expected a state to judge', 'state')
  return JSON.stringify(state)
}
