import type {
  GenGuard,
  GenVerdict,
  Message,
  PromptVerdict,
  ReplyVerdict,
  Safety,
  StreamGuard,
  TokenVerdict,
} from '../index.js'
import { worstOf } from '../labels.js'
import { hasReasoning, replyText } from '../reasoning.js'
import { closingRisks } from '../stream/moderation.js'
import type { Fit } from './fit.js'

/** A loaded guard of either variant. `model` is what the user called it. */
export type LoadedGuard =
  | { kind: 'gen'; model: string; guard: GenGuard }
  | { kind: 'stream'; model: string; guard: StreamGuard }

/** What `check --json` prints, and `batch` writes under `verdict`. */
export type CheckResult =
  | (GenVerdict & { model: string; kind: 'gen' })
  | {
      model: string
      kind: 'stream'
      prompt: PromptVerdict
      reply: ReplyVerdict | null
      tokens: TokenVerdict[]
      /** With `--history drop`: messages that were left out, if any. */
      droppedMessages?: number
    }

/**
 * Judges one conversation: its last message is a prompt, or a reply to the messages before it.
 *
 * @param onClosing told of a reply that Stream judged the risks at what closes its turn, as Qwen's evaluation counts them
 */
export async function judge(
  { kind, model, guard }: LoadedGuard,
  messages: Message[],
  { tooLong, history }: Fit,
  signal: AbortSignal,
  onClosing?: (risks: Safety[] | null) => void,
): Promise<CheckResult> {
  if (kind === 'gen') {
    const options = { signal, history, tooLong: tooLong === 'window' ? tooLong : 'error' } as const
    return { ...(await guard.classify(messages, options)), model, kind }
  }
  const last = messages.at(-1)
  const reply = last?.role === 'assistant' ? last : null
  const moderation = await guard.open(reply ? messages.slice(0, -1) : messages, {
    reasoning: reply !== null && hasReasoning(reply),
    tooLong: tooLong === 'slide' ? tooLong : 'error',
    history,
    signal,
  })
  try {
    const { prompt, usage } = moderation
    const dropped = usage.droppedMessages ? { droppedMessages: usage.droppedMessages } : {}
    if (!reply) return { model, kind, prompt, reply, tokens: [], ...dropped }
    const tokens = await moderation.push(replyText(reply))
    const { rest, ...verdict } = await moderation.end()
    onClosing?.(await closingRisks(moderation))
    return { model, kind, prompt, reply: verdict, tokens: [...tokens, ...rest], ...dropped }
  } finally {
    await moderation.close()
  }
}

/** Severity of Gen's verdict, or the worse of Stream's two. */
export function severityOf(result: CheckResult): Safety {
  if (result.kind === 'gen') return result.safety
  return result.reply === null ? result.prompt.safety : worstOf(result.prompt.safety, result.reply.safety)
}
