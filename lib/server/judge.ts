import type { GenVerdict } from '../gen/guard.js'
import { inOrder } from '../in-order.js'
import { toMessages, type UnsupportedParts } from '../input.js'
import { CATEGORIES, type Category, type Safety, severity } from '../labels.js'
import { type Action, checkPolicy, explain, type Policy } from '../policy.js'
import { hasReasoning, replyText } from '../reasoning.js'
import { applyPolicy } from '../stream/apply-policy.js'
import type { PromptVerdict, ReplyVerdict, TokenVerdict } from '../stream/verdict.js'
import type { Input, Message } from '../types.js'
import { HttpError, httpError, refused } from './errors.js'
import type { Served } from './served.js'
import type { Service } from './service.js'

/** How a conversation is to be judged. */
export interface JudgeOptions {
  /** By whom. Default: Gen where the server has it, else Stream. */
  by?: 'gen' | 'stream' | undefined
  policy?: Policy | undefined
  history?: 'error' | 'drop' | undefined
  tooLong?: 'error' | 'window' | undefined
  /** What becomes of images and files beside text. Default `'error'`. */
  unsupportedParts?: UnsupportedParts
  signal?: AbortSignal
  /** The field of the request that the conversation is, for errors. */
  param?: string | null
}

/** What was found about the last message of a conversation, and what the policy does about it. */
export type Judgement = {
  /** The name of the model, as answers show it. */
  model: string
  of: 'prompt' | 'reply'
  action: Action
  because: string
  ms: number
} & (
  | { kind: 'gen'; verdict: GenVerdict }
  | {
      kind: 'stream'
      prompt: PromptVerdict
      reply: ReplyVerdict | null
      tokens: TokenVerdict[]
      promptTokens: number
      droppedMessages: number
    }
)

/** What every guard says of a text, whichever it is. */
export interface Finding {
  safety: Safety
  categories: Category[]
  /** Probabilities of the three severities. */
  probabilities: Record<Safety, number>
  /** Of each category, its share where the text is not Safe. */
  shares: Partial<Record<Category, number>>
  refusal: boolean | null
  /** Tokens read. */
  tokens: number
}

/**
 * Judges the last message of a conversation.
 * @throws HttpError; `signal.reason`
 */
export async function judge(
  service: Service,
  served: Served,
  input: Input,
  options: JudgeOptions = {},
): Promise<Judgement> {
  const { param = null, policy = service.policy } = options
  const messages = readMessages(input, param, options.unsupportedParts)
  const by = options.by ?? (service.genState ? 'gen' : 'stream')
  const of = messages.at(-1)?.role === 'assistant' ? 'reply' : 'prompt'
  // Before anybody is told of a check that does not begin.
  if (by === 'gen') service.gen()
  else service.stream()
  const since = performance.now()
  const ended = service.onCheck({ kind: by, of, request: served.id, messages })
  try {
    const signal = options.signal ?? served.signal
    const judged =
      by === 'gen'
        ? await byGen(service, messages, policy, options, signal)
        : await byStream(service, messages, policy, options, signal)
    const ms = performance.now() - since
    const judgement: Judgement = { ...judged, model: service.models[by], of, ms }
    const { safety, categories, refusal, tokens } = findingOf(judgement)
    const { action, model } = judgement
    ended({ ms, safety, categories, refusal, action, tokens, model })
    return judgement
  } catch (error) {
    ended({ ms: performance.now() - since, error })
    if ((options.signal ?? served.signal).aborted) throw error
    throw httpError(error, param)
  }
}

/** Judges several, as many at a time as the guard has sequences, in their order. The first that fails ends it. */
export function judgeAll(
  service: Service,
  served: Served,
  inputs: Iterable<Input> | AsyncIterable<Input>,
  options: JudgeOptions & { paramOf?: (index: number) => string } = {},
): AsyncIterable<Judgement> {
  let index = 0
  const work = (input: Input, signal: AbortSignal) => {
    const param = options.paramOf?.(index++) ?? null
    return judge(service, served, input, { ...options, signal, param })
  }
  return inOrder(inputs, work, sequencesOf(service, options.by), served.signal)
}

/** How many checks a guard has room for at a time. @throws HttpError */
export function sequencesOf(service: Service, by: 'gen' | 'stream' | undefined): number {
  const guard = (by ?? (service.genState ? 'gen' : 'stream')) === 'gen' ? service.gen() : service.stream()
  return guard.stats().maxSequences
}

/** The messages of a conversation that ends with a prompt or a reply. @throws HttpError 400 */
export function readMessages(
  input: Input,
  param: string | null,
  unsupportedParts: UnsupportedParts = 'error',
): Message[] {
  try {
    return toMessages(input, ['user', 'assistant'], { unsupportedParts })
  } catch (error) {
    throw refused(error, param)
  }
}

/** A policy of a request. @throws HttpError 400 */
export function readPolicy(policy: Policy, param = 'policy'): Policy {
  try {
    checkPolicy(policy)
    return policy
  } catch (error) {
    throw refused(error, param)
  }
}

export function findingOf(judgement: Judgement): Finding {
  if (judgement.kind === 'gen') {
    const { safety, categories, refusal, scores, usage } = judgement.verdict
    const tokens = usage.promptTokens + usage.generatedTokens
    return { safety, categories, probabilities: scores.safety, shares: scores.categories, refusal, tokens }
  }
  const { prompt, reply, tokens, promptTokens } = judgement
  const all = promptTokens + tokens.length
  if (!reply) {
    const { safety, category, probabilities, categories } = prompt
    return {
      safety,
      categories: named(category),
      probabilities,
      shares: categories,
      refusal: null,
      tokens: all,
    }
  }
  const worst = worstToken(reply, tokens)
  return {
    safety: reply.safety,
    categories: named(reply.category),
    probabilities: worst?.probabilities ?? { Safe: 1, Controversial: 0, Unsafe: 0 },
    shares: worst?.categories ?? {},
    refusal: null,
    tokens: all,
  }
}

/** The token that decided, or of a reply that is Safe the one that came nearest to not being so. */
export function worstToken(reply: ReplyVerdict, tokens: readonly TokenVerdict[]): TokenVerdict | undefined {
  if (reply.at !== null) return tokens[reply.at]
  return tokens.reduce<TokenVerdict | undefined>(
    (worst, token) => (worst && worst.probabilities.Safe <= token.probabilities.Safe ? worst : token),
    undefined,
  )
}

function named(category: Category | null): Category[] {
  return category === null ? [] : [category]
}

async function byGen(
  service: Service,
  messages: Message[],
  policy: Policy,
  { history = service.history, tooLong = service.tooLong }: JudgeOptions,
  signal: AbortSignal,
) {
  const verdict = await service
    .gen()
    .classify(messages, { signal, history, tooLong, queueTimeoutMs: service.limits.queueMs })
  return { kind: 'gen' as const, verdict, ...explain(verdict, policy) }
}

async function byStream(
  service: Service,
  messages: Message[],
  policy: Policy,
  { history = service.history, tooLong = service.tooLong }: JudgeOptions,
  signal: AbortSignal,
) {
  const last = messages.at(-1) as Message
  const isReply = last.role === 'assistant'
  const before = isReply ? messages.slice(0, -1) : messages
  if (before.at(-1)?.role !== 'user') {
    throw new HttpError({
      status: 400,
      message: 'Stream judges a reply to a user message: the message before the last must be one',
      code: 'invalid_value',
    })
  }
  await service.makeRoom()
  const moderation = await service.stream().open(before, {
    signal,
    history,
    tooLong: tooLong === 'window' ? 'slide' : 'error',
    queueTimeoutMs: service.limits.queueMs,
    reasoning: isReply && hasReasoning(last),
  })
  try {
    const { prompt, usage } = moderation
    let reply: ReplyVerdict | null = null
    let tokens: TokenVerdict[] = []
    if (isReply) {
      const pushed = await moderation.push(replyText(last))
      const { rest, ...verdict } = await moderation.end()
      reply = verdict
      tokens = [...pushed, ...rest]
    }
    const { action, because } = decide(prompt, reply, tokens, policy)
    const { promptTokens, droppedMessages = 0 } = usage
    return { kind: 'stream' as const, prompt, reply, tokens, promptTokens, droppedMessages, action, because }
  } finally {
    await moderation.close()
  }
}

/** The policy's action about Stream's verdicts, of the prompt where there is no reply, else of the reply. */
function decide(
  prompt: PromptVerdict,
  reply: ReplyVerdict | null,
  tokens: readonly TokenVerdict[],
  policy: Policy,
): { action: Action; because: string } {
  if (!reply) return explain(prompt, policy)
  const { action, flags, block } = applyPolicy(null, tokens, policy)
  const about = block?.verdict ?? flags[0]
  if (!about) return { action, because: `no run of the ${tokens.length} tokens counts: ${action}` }
  return { action, because: `token ${(about as TokenVerdict).index}: ${explain(about, policy).because}` }
}

/** Categories in the order of the models' policy text, without repeats. */
export function inOrderOfPolicy(categories: Iterable<Category>): Category[] {
  const set = new Set(categories)
  return CATEGORIES.filter((category) => set.has(category))
}

/** Whether `a` is more severe than `b`. */
export function isWorse(a: Safety, b: Safety): boolean {
  return severity(a) > severity(b)
}
