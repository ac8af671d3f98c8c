import type { Command } from 'commander'
import {
  GenGuard,
  type GenVerdict,
  type LoadOptions,
  type Message,
  type PromptVerdict,
  type ReplyVerdict,
  type Safety,
  StreamGuard,
  type TokenVerdict,
} from '../index.js'
import { describeGguf } from '../models/gguf/describe.js'
import { readModelHeader } from '../models/gguf/split.js'
import { resolveModel } from '../models/resolve.js'
import { replyText } from '../stream/reply/message.js'
import { worstOf } from './exit.js'
import { type LoadFlags, readLoadOptions, withLoadProgress } from './load-options.js'
import { checkTooLong, type TooLong } from './too-long.js'

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
    }

/** Loads the guard that the model file is made for; the demonstration model of Gen unless a flag says. */
export async function loadGuard(
  command: Command,
  flags: LoadFlags & { tooLong?: TooLong },
  signal: AbortSignal,
): Promise<LoadedGuard> {
  const options: LoadOptions = await readLoadOptions(command, flags, signal)
  const model = options.model ?? 'demo-gen'
  const path = resolveModel(model, 'gen')
  const { variant } = describeGguf(await readModelHeader(path, { signal }))
  checkTooLong(variant === 'stream' ? 'stream' : 'gen', flags.tooLong ?? 'error')
  return await withLoadProgress({ ...options, model: path }, async (options) =>
    variant === 'stream'
      ? { kind: 'stream', model, guard: await StreamGuard.load(options) }
      : { kind: 'gen', model, guard: await GenGuard.load(options) },
  )
}

/** Judges one conversation: its last message is a prompt, or a reply to the messages before it. */
export async function judge(
  { kind, model, guard }: LoadedGuard,
  messages: Message[],
  how: TooLong,
  signal: AbortSignal,
): Promise<CheckResult> {
  if (kind === 'gen') {
    const tooLong = how === 'window' ? how : 'error'
    return { ...(await guard.classify(messages, { signal, tooLong })), model, kind }
  }
  const last = messages.at(-1)
  if (last?.role !== 'assistant') {
    return { model, kind, prompt: await guard.classifyPrompt(messages, { signal }), reply: null, tokens: [] }
  }
  const reasoning = last.reasoning !== undefined
  const moderation = await guard.open(messages.slice(0, -1), {
    reasoning,
    tooLong: how === 'slide' ? how : 'error',
    signal,
  })
  try {
    const text = reasoning ? replyText(last) : last.content
    const tokens = await moderation.push(text)
    const { rest, ...reply } = await moderation.end()
    return { model, kind, prompt: moderation.prompt, reply, tokens: [...tokens, ...rest] }
  } finally {
    await moderation.close()
  }
}

/** Severity of Gen's verdict, or the worse of Stream's two. */
export function severityOf(result: CheckResult): Safety {
  if (result.kind === 'gen') return result.safety
  return result.reply === null ? result.prompt.safety : worstOf(result.prompt.safety, result.reply.safety)
}
