import { inOrder } from '../../in-order.js'
import type { Policy } from '../../policy.js'
import type { Input } from '../../types.js'
import { badRequest, type HttpError, httpError } from '../errors.js'
import {
  findingOf,
  type Judgement,
  type JudgeOptions,
  judge,
  judgeAll,
  readPolicy,
  sequencesOf,
} from '../judge.js'
import { readJson } from '../requests/body.js'
import { linesOf } from '../requests/ndjson.js'
import {
  CLASSIFY_ITEM,
  CLASSIFY_QUERY,
  CLASSIFY_REQUEST,
  type ClassifyItem,
  type ClassifyRequest,
  LABEL_REQUEST,
} from '../schema/classify.js'
import { valid } from '../schema/validate.js'
import type { App, Call } from '../served.js'
import { newId, now, type Service } from '../service.js'
import { streamed } from '../sse.js'

const NDJSON = 'application/x-ndjson'

/** `POST /v1/classify`: everything that the guards know of prompts, replies and conversations, one or many. */
export function mountClassify(app: App, service: Service): void {
  app.post('/v1/classify', async (call) => {
    if (call.req.header('content-type')?.startsWith(NDJSON)) return rowsOfBody(call, service)
    const body = await readJson(call, service.limits)
    // SGLang's clients send `input`.
    if (typeof body === 'object' && body !== null && 'input' in body) return await labels(call, service, body)
    const request = valid(CLASSIFY_REQUEST, body)
    const { inputs, tokens = false } = request
    const options = optionsOf(request)
    if (inputs === undefined) {
      const input = inputOf(request, '')
      const { param } = input
      const judgement = await judge(service, call.get('served'), input.input, { ...options, param })
      return call.json({ id: newId('classify'), object: 'classification', ...shown(judgement, tokens) })
    }
    if (request.prompt !== undefined || request.messages !== undefined || request.response !== undefined) {
      throw badRequest('Expected `inputs` alone, or one conversation', 'inputs')
    }
    if (inputs.length > service.limits.batch) {
      const { batch } = service.limits
      throw badRequest(
        `Expected at most ${batch} inputs, got ${inputs.length}: send more as ${NDJSON}`,
        'inputs',
        'array_above_max_length',
      )
    }
    const parsed = inputs.map((item, index) => ({ index, ...inputOf(item, `inputs[${index}]`) }))
    const rows = judged(call, service, parsed, options, tokens)
    if (call.req.header('accept')?.includes(NDJSON)) return ndjson(call, rows)
    const results: object[] = []
    for await (const row of rows) results.push(row)
    return call.json({ id: newId('classify'), object: 'list', results })
  })

  // vLLM's path.
  app.post('/classify', async (call) => await labels(call, service, await readJson(call, service.limits)))
}

interface Row {
  index: number
  input: Input
  param: string
}

function optionsOf({ by, policy, history, too_long }: Partial<ClassifyRequest>): JudgeOptions {
  return { by, history, tooLong: too_long, policy: policy && readPolicy(policy as Policy) }
}

/** The conversation of an item. @throws HttpError 400 */
function inputOf(item: ClassifyItem, at: string): { input: Input; param: string } {
  const field = (name: string) => (at === '' ? name : `${at}.${name}`)
  if (typeof item === 'string') return { input: item, param: at }
  const { prompt, response, messages } = item
  if ((prompt === undefined) === (messages === undefined)) {
    throw badRequest('Expected either `prompt` or `messages`', field('prompt'))
  }
  if (messages !== undefined) {
    if (response !== undefined)
      throw badRequest('Expected `response` beside `prompt` alone', field('response'))
    return { input: messages as Input, param: field('messages') }
  }
  const user = { role: 'user' as const, content: prompt as string }
  if (response === undefined) return { input: [user], param: field('prompt') }
  return { input: [user, { role: 'assistant', content: response }], param: field('response') }
}

/** What is answered of one. Tokens are many. */
function shown(judgement: Judgement, withTokens: boolean): object {
  const { model, kind, of, action, because, ms } = judgement
  const shared = { model, kind, of, action, because, ms }
  if (judgement.kind === 'gen') return { ...shared, ...judgement.verdict }
  const { prompt, reply, tokens, promptTokens, droppedMessages } = judgement
  const usage = { promptTokens, ...(droppedMessages > 0 && { droppedMessages }) }
  return { ...shared, prompt, reply, usage, ...(withTokens && { tokens }) }
}

/** A result or an error for each row, in their order. */
function judged(
  call: Call,
  service: Service,
  rows: Iterable<Row | Failed> | AsyncIterable<Row | Failed>,
  options: JudgeOptions,
  tokens: boolean,
): AsyncIterable<object> {
  const served = call.get('served')
  const work = async (row: Row | Failed, signal: AbortSignal) => {
    const { index } = row
    if ('error' in row) return { index, error: row.error.body.error }
    try {
      const { input, param } = row
      return { index, ...shown(await judge(service, served, input, { ...options, signal, param }), tokens) }
    } catch (error) {
      if (signal.aborted) throw error
      return { index, error: httpError(error).body.error }
    }
  }
  return inOrder(rows, work, sequencesOf(service, options.by), served.signal)
}

interface Failed {
  index: number
  error: HttpError
}

/** Rows that come as lines, and go out as lines while more come. */
function rowsOfBody(call: Call, service: Service): Response {
  const options = optionsOf(valid(CLASSIFY_QUERY, call.req.query()))
  return ndjson(call, judged(call, service, rowsIn(call, service), options, false))
}

async function* rowsIn(call: Call, service: Service): AsyncGenerator<Row | Failed> {
  let index = 0
  for await (const line of linesOf(call, service.limits)) {
    const at = index++
    try {
      let item: unknown
      try {
        item = JSON.parse(line)
      } catch {
        throw badRequest('The line is not JSON', null, 'invalid_json')
      }
      yield { index: at, ...inputOf(valid(CLASSIFY_ITEM, item), '') }
    } catch (error) {
      yield { index: at, error: httpError(error) }
    }
  }
}

function ndjson(call: Call, rows: AsyncIterable<object>): Response {
  return streamed(call, lines(rows), { 'content-type': NDJSON })
}

/** A failure that ends all is the last line. */
async function* lines(rows: AsyncIterable<object>): AsyncGenerator<string> {
  try {
    for await (const row of rows) yield `${JSON.stringify(row)}\n`
  } catch (error) {
    yield `${JSON.stringify({ error: httpError(error).body.error })}\n`
  }
}

/** Labels with probabilities, as vLLM and SGLang answer. */
async function labels(call: Call, service: Service, body: unknown): Promise<Response> {
  const { input } = valid(LABEL_REQUEST, body)
  const texts = typeof input === 'string' ? [input] : input
  if (texts.length > service.limits.batch) {
    throw badRequest(`Expected at most ${service.limits.batch} texts, got ${texts.length}`, 'input')
  }
  const data: object[] = []
  let total = 0
  let model = ''
  const paramOf = (index: number) => (typeof input === 'string' ? 'input' : `input[${index}]`)
  for await (const judgement of judgeAll(service, call.get('served'), texts, { paramOf })) {
    const { safety, probabilities, tokens } = findingOf(judgement)
    model = judgement.model
    total += tokens
    const probs = [probabilities.Safe, probabilities.Controversial, probabilities.Unsafe]
    data.push({ index: data.length, label: safety, probs, num_classes: probs.length })
  }
  const usage = {
    prompt_tokens: total,
    total_tokens: total,
    completion_tokens: 0,
    prompt_tokens_details: null,
  }
  return call.json({ id: newId('classify'), object: 'list', created: now(), model, data, usage })
}
