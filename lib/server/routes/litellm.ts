import type { BlockEvent } from '../../adapters/moderator.js'
import { GuardError } from '../../errors.js'
import { explain, type Policy } from '../../policy.js'
import type { Input, Message } from '../../types.js'
import { badRequest, httpError } from '../errors.js'
import { type Judgement, judge, judgeAll, readPolicy } from '../judge.js'
import { readJson } from '../requests/body.js'
import { GUARDRAIL_PARAMS, GUARDRAIL_REQUEST, type GuardrailRequest } from '../schema/gateways.js'
import { valid } from '../schema/validate.js'
import type { App, Served } from '../served.js'
import type { Service } from '../service.js'
import { CallReplies } from '../sessions/call-replies.js'
import { Expiring } from '../sessions/expiring.js'

interface How {
  policy: Policy
  /** What a block of a reply is: the call's end, or that the reply ends before it. */
  truncates: boolean
  holdback: 'list' | 'number' | 'none'
}

type Answer =
  | { action: 'NONE'; stream_holdback_chars?: number[] | number }
  | { action: 'BLOCKED'; blocked_reason: string }
  | { action: 'GUARDRAIL_INTERVENED'; texts: string[]; stream_holdback_chars?: number[] | number }

/** `POST /beta/litellm_basic_guardrail_api`: LiteLLM's generic guardrail API. docs/server.md says what it does of it. */
export function mountLiteLlm(app: App, service: Service): void {
  const { sessions, sessionMs } = service.limits
  const calls = new Expiring<CallReplies>(sessions, sessionMs, (call) => call.close())
  service.beforeClose(() => calls.clear())

  app.post('/beta/litellm_basic_guardrail_api', async (call) => {
    const request = valid(GUARDRAIL_REQUEST, await readJson(call, service.limits))
    const how = howOf(request, service)
    const served = call.get('served')
    const { texts, tool_calls, images, litellm_call_id: id } = request
    const count = (texts?.length ?? 0) + (tool_calls?.length ?? 0)
    if (count > service.limits.batch) {
      throw badRequest(`Expected at most ${service.limits.batch} texts, got ${count}`, 'texts')
    }
    if (images && images.length > 0 && service.replies.media === 'block') {
      return call.json(blocked('it holds images, which no guard reads and this server does not let pass'))
    }
    if (request.input_type === 'request') {
      const { messages, answer } = await judgedRequest(service, served, request, how)
      if (id && messages) remembered(calls, service, id).prompt = messages
      return call.json(answer)
    }
    if (!service.streamState) return call.json(await wholeReply(service, served, request, how))
    // A call that nobody can name again is one of its own.
    const replies = id ? remembered(calls, service, id) : new CallReplies(service)
    try {
      return call.json(await growingReply(service, served, request, how, replies))
    } catch (error) {
      throw httpError(error, 'texts')
    } finally {
      if (!id) replies.close()
    }
  })
}

function remembered(calls: Expiring<CallReplies>, service: Service, id: string): CallReplies {
  const known = calls.get(id)
  if (known) return known
  const fresh = new CallReplies(service)
  calls.set(id, fresh)
  return fresh
}

function howOf({ additional_provider_specific_params: given }: GuardrailRequest, service: Service): How {
  const at = 'additional_provider_specific_params'
  const { on_block = 'block', holdback = 'list', policy } = valid(GUARDRAIL_PARAMS, given ?? {}, at)
  return {
    policy: policy === undefined ? service.policy : readPolicy(policy as Policy, `${at}.policy`),
    truncates: on_block === 'truncate',
    holdback,
  }
}

/** What was asked: the last message of the conversation, or each text where there is none. */
async function judgedRequest(
  service: Service,
  served: Served,
  { structured_messages, texts }: GuardrailRequest,
  { policy }: How,
): Promise<{ messages: Message[] | null; answer: Answer }> {
  if (structured_messages && structured_messages.length > 0) {
    const messages = askedIn(structured_messages as Message[])
    const { media } = service.replies
    const judgement = await judge(service, served, messages as Input, {
      policy,
      param: 'structured_messages',
      unsupportedParts: media === 'pass' ? 'skip' : 'error',
    })
    return { messages, answer: answerTo([judgement]) }
  }
  const judged: Judgement[] = []
  const list = texts ?? []
  const paramOf = (index: number) => `texts[${index}]`
  for await (const judgement of judgeAll(service, served, list, { policy, paramOf })) judged.push(judgement)
  const last = list.at(-1)
  return {
    messages: last === undefined ? null : [{ role: 'user', content: last }],
    answer: answerTo(judged),
  }
}

/** The conversation up to what a user has said last: results of tools may stand behind it. */
function askedIn(messages: Message[]): Message[] {
  const last = messages.findLastIndex((message) => message?.role === 'user')
  return last < 0 ? messages : messages.slice(0, last + 1)
}

function answerTo(judged: readonly Judgement[]): Answer {
  const found = judged.find(({ action }) => action === 'block')
  return found ? blocked(found.because) : { action: 'NONE' }
}

function blocked(reason: string): Answer {
  return { action: 'BLOCKED', blocked_reason: `Blocked by qwen3guard: ${reason}` }
}

/** A reply that may be the beginning of one, by Stream. */
async function growingReply(
  service: Service,
  served: Served,
  request: GuardrailRequest,
  how: How,
  replies: CallReplies,
): Promise<Answer> {
  const texts = request.texts ?? []
  const held: number[] = []
  const shown: string[] = []
  let isCut = false
  for (const [index, text] of texts.entries()) {
    const { block, released } = await replies.judge(`text ${index}`, text, how.policy, served)
    if (block?.error && GuardError.isGuardError(block.error)) throw block.error
    if (block && !how.truncates) return blocked(reasonOf(block, how.policy))
    isCut ||= block !== null
    shown.push(block ? text.slice(0, block.start) : text)
    held.push(block ? 0 : text.length - released)
  }
  const calls = request.tool_calls ?? []
  const { toolCalls } = service.replies
  if (calls.length > 0 && toolCalls === 'block')
    return blocked('it calls tools, which this server does not let pass')
  for (const [index, call] of (toolCalls === 'judge' ? calls : []).entries()) {
    const written = call.function?.arguments ?? ''
    if (written === '') continue
    const { block } = await replies.judge(`call ${index}`, written, how.policy, served)
    if (block?.error && GuardError.isGuardError(block.error)) throw block.error
    if (block) return blocked(`a tool call: ${reasonOf(block, how.policy)}`)
  }
  const holdback = holdbackOf(held, how)
  return isCut
    ? { action: 'GUARDRAIL_INTERVENED', texts: shown, ...holdback }
    : { action: 'NONE', ...holdback }
}

/** LiteLLM takes a number for each text; before October 2026 it took one. */
function holdbackOf(
  held: readonly number[],
  { holdback }: How,
): { stream_holdback_chars?: number[] | number } {
  if (holdback === 'none' || held.length === 0) return {}
  return { stream_holdback_chars: holdback === 'number' ? Math.max(...held) : [...held] }
}

function reasonOf(block: BlockEvent, policy: Policy): string {
  return block.verdict ? explain(block.verdict, policy).because : block.reason
}

/** A reply by Gen, whole each time. */
async function wholeReply(
  service: Service,
  served: Served,
  { texts, tool_calls }: GuardrailRequest,
  { policy }: How,
): Promise<Answer> {
  const calls = service.replies.toolCalls === 'judge' ? (tool_calls ?? []) : []
  const all = [...(texts ?? []), ...calls.map((call) => call.function?.arguments ?? '')].filter(
    (text) => text !== '',
  )
  const inputs = all.map((content): Message[] => [
    { role: 'user', content: '' },
    { role: 'assistant', content },
  ])
  const judged: Judgement[] = []
  for await (const judgement of judgeAll(service, served, inputs, { policy, by: 'gen' }))
    judged.push(judgement)
  return answerTo(judged)
}
