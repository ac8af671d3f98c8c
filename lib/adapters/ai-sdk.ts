import type { LanguageModelMiddleware, TextStreamPart, ToolSet } from 'ai'
import type { Input, Message } from '../types.js'
import { conversationOf, type ForeignInput } from './messages.js'
import { type AdapterOptions, type BlockEvent, type Moderator, replacementFor } from './moderator.js'
import { ModeratedParts } from './parts.js'
import type { Piece, Shape } from './shape.js'
import { readableOf, transformOf } from './transform.js'

export type { BlockEvent, Moderator } from './moderator.js'

/** A call's own abort signal ends its moderation. */
export type SdkOptions = Omit<AdapterOptions, 'signal'>

export interface MiddlewareOptions extends SdkOptions {
  /** What a call is judged by, of the text of its prompt. Default: all messages up to the last user message. */
  input?(messages: Message[]): Input
}

/** Any part of a stream. Models write the text of a delta into `delta`, streamText into `text`. */
interface Part {
  type: string
  [field: string]: unknown
}

/** In a finish part, tells a block by the guard from one by the provider. */
const RAW_REASON = 'qwen3guard'

/** Parts that hold nothing of the reply: they need not wait for the prompt's verdict. */
const OPENING = new Set(['stream-start', 'response-metadata', 'ping', 'start', 'start-step'])

/**
 * Middleware for `wrapLanguageModel` that moderates every call of a model, streamed or not: the text and the
 * reasoning that reach the AI SDK, and so tools, are released ones. On a block the call ends with
 * `finishReason: 'content-filter'` and the model's stream is cancelled.
 *
 * @throws in a call: TypeError if its prompt has no user message, and what `moderate` throws
 * @example
 * const model = wrapLanguageModel({ model: openai('gpt-5'), middleware: moderationMiddleware(guard) })
 */
export function moderationMiddleware(
  guard: Moderator,
  options: MiddlewareOptions = {},
): LanguageModelMiddleware {
  const { input: choose = (messages) => messages, ...shared } = options
  function begin<P>(
    params: { prompt: readonly object[]; abortSignal?: AbortSignal | undefined },
    shape: Shape<P>,
  ) {
    const signal = params.abortSignal
    const input = choose(conversationOf(params.prompt) as Message[])
    const parts = new ModeratedParts(guard, input, shape, { ...shared, ...(signal && { signal }) })
    // While the model makes its first token, the prompt is judged.
    parts.start()
    return parts
  }
  return {
    specificationVersion: 'v3',
    async wrapStream({ doStream, params, model }) {
      const finish = modelFinish(String(model.specificationVersion))
      const parts = begin(params, new SdkShape('delta', shared, () => [finish]))
      try {
        const { stream, ...rest } = await doStream()
        const moderated = readableOf(parts.read(stream as unknown as ReadableStream<Part>))
        return { stream: moderated as unknown as typeof stream, ...rest }
      } catch (error) {
        await parts.return()
        throw error
      }
    },
    async wrapGenerate({ doGenerate, params }) {
      const shape = new ContentShape(shared)
      const parts = begin(params, shape)
      try {
        const result = await doGenerate()
        const content = await shape.collect(parts.read(numbered(result.content as unknown as Part[])))
        if (!shape.isBlocked) return { ...result, content: content as unknown as typeof result.content }
        const finishReason = finishReasonLike(result.finishReason)
        // The provider's metadata and its response's body may repeat what was withheld.
        const { providerMetadata: _, response, ...rest } = result
        const { body: __, ...responseRest } = response ?? {}
        return { ...rest, response: responseRest, content, finishReason } as unknown as typeof result
      } catch (error) {
        await parts.return()
        throw error
      }
    },
  }
}

/**
 * A transform for `streamText` that moderates its stream. The tools of a step may have run by then: where that
 * matters, wrap the model with `moderationMiddleware` instead.
 *
 * @param input what the reply answers: a text, or the messages that streamText gets
 * @throws TypeError if `input` has no user message. The stream fails with what `moderate` throws
 * @example
 * streamText({ model, messages, experimental_transform: moderationTransform(guard, messages) })
 */
export function moderationTransform(
  guard: Moderator,
  input: ForeignInput,
  options: SdkOptions = {},
): <TOOLS extends ToolSet>(stream: {
  tools: TOOLS
}) => TransformStream<TextStreamPart<TOOLS>, TextStreamPart<TOOLS>> {
  const conversation = conversationOf(input)
  return <TOOLS extends ToolSet>() => {
    const shape = new SdkShape('text', options, streamTextFinish)
    // On a block the transform refuses more, which cancels the source from version 7 on. stopStream is not for this:
    // where the model has ended by then, it leaves a rejection that nobody handles (versions 5 and 6).
    const transform = transformOf(new ModeratedParts(guard, conversation, shape, options))
    return transform as unknown as TransformStream<TextStreamPart<TOOLS>, TextStreamPart<TOOLS>>
  }
}

/** Parts after which no text goes on. streamText waits for its reader to see some of them before it ends. */
const CLOSING = new Set(['finish-step', 'finish', 'error', 'abort'])

/** Takes the parts of a stream apart: each id of text and of reasoning is a text of its own. */
class SdkShape implements Shape<Part> {
  /** Texts that have begun and not ended. */
  readonly #texts = new Set<string>()
  /** What closes the parts that were opened and not closed. */
  readonly #open = new Map<string, Part>()
  #inStep = false

  constructor(
    readonly field: 'delta' | 'text',
    readonly options: AdapterOptions,
    readonly finish: (inStep: boolean) => Part[],
  ) {}

  *split(part: Part): Generator<Piece<Part>> {
    const { type, id } = part
    const text = part[this.field]
    const [, kind, event] = /^(text|reasoning)-(start|delta|end)$/.exec(type) ?? []
    // A raw chunk of the provider's holds text that nobody has judged.
    if (type === 'raw') return
    if (kind === undefined) {
      if (CLOSING.has(type)) {
        for (const key of this.#texts) yield { type: 'end', key }
        this.#texts.clear()
      }
      yield { type: 'part', part, opening: OPENING.has(type) }
      return
    }
    const lane = `${kind} ${id}`
    if (event === 'end') {
      this.#texts.delete(lane)
      yield { type: 'end', key: lane }
    }
    if (event === 'delta' && text !== '') {
      if (typeof text !== 'string') throw new TypeError(`Expected ${this.field} of a ${type} part to be text`)
      const write = (released: string, last: boolean) =>
        last ? { ...part, [this.field]: released } : { type, id, [this.field]: released }
      this.#texts.add(lane)
      yield { type: 'text', key: lane, lane, text, reasoning: kind === 'reasoning', write }
    } else {
      yield { type: 'part', part, lane, opening: event === 'start' }
    }
  }

  sent(part: Part): Part {
    const { type, id } = part
    const [, kind, event] = /^(text|reasoning|tool-input)-(start|end)$/.exec(type) ?? []
    if (event === 'start') this.#open.set(`${kind} ${id}`, { type: `${kind}-end`, id })
    if (event === 'end') this.#open.delete(`${kind} ${id}`)
    if (type === 'start-step') this.#inStep = true
    if (type === 'finish-step') this.#inStep = false
    return part
  }

  *blocked(block: BlockEvent): Generator<Part> {
    yield* this.#open.values()
    const id = RAW_REASON
    const text = replacementFor(block, this.options)
    if (text !== '') {
      yield { type: 'text-start', id }
      yield { type: 'text-delta', id, [this.field]: text }
      yield { type: 'text-end', id }
    }
    yield* this.finish(this.#inStep)
  }
}

/** A part of a result, with the place in it. */
interface Placed {
  at: number
  content: Part
}

async function* numbered(contents: readonly Part[]): AsyncGenerator<Placed> {
  for (const [at, content] of contents.entries()) yield { at, content }
}

/** Takes the content of a finished call apart, as a stream of its parts. */
class ContentShape implements Shape<Placed> {
  isBlocked = false

  constructor(readonly options: AdapterOptions) {}

  *split({ at, content }: Placed): Generator<Piece<Placed>> {
    const { type, text } = content
    const key = String(at)
    if ((type === 'text' || type === 'reasoning') && text !== '') {
      if (typeof text !== 'string') throw new TypeError(`Expected the text of a ${type} part to be text`)
      const write = (released: string, last: boolean) => ({
        at,
        content: last ? { ...content, text: released } : { type, text: released },
      })
      yield { type: 'text', key, text, reasoning: type === 'reasoning', write }
      yield { type: 'end', key }
    } else {
      yield { type: 'part', part: { at, content } }
    }
  }

  *blocked(block: BlockEvent): Generator<Placed> {
    this.isBlocked = true
    const text = replacementFor(block, this.options)
    if (text !== '') yield { at: -1, content: { type: 'text', text } }
  }

  /** The parts with what was released of each text put together again. */
  async collect(parts: AsyncIterable<Placed>): Promise<Part[]> {
    const contents: Placed[] = []
    for await (const { at, content } of parts) {
      const before = contents.at(-1)
      if (before?.at === at) before.content = { ...content, text: `${before.content.text}${content.text}` }
      else contents.push({ at, content })
    }
    return contents.map(({ content }) => content)
  }
}

/** The finish part of a model's stream: versions of the interface differ in it. */
function modelFinish(specificationVersion: string): Part {
  if (specificationVersion === 'v2') {
    const usage = { inputTokens: undefined, outputTokens: undefined, totalTokens: undefined }
    return { type: 'finish', finishReason: 'content-filter', usage }
  }
  return {
    type: 'finish',
    finishReason: finishReasonLike({}),
    usage: {
      inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: undefined, text: undefined, reasoning: undefined },
    },
  }
}

function finishReasonLike(reason: unknown) {
  return typeof reason === 'string' ? 'content-filter' : { unified: 'content-filter', raw: RAW_REASON }
}

/** What ends the stream of streamText. What the model has used until it was stopped, nobody has told. */
function streamTextFinish(inStep: boolean): Part[] {
  const usage = {
    inputTokens: undefined,
    inputTokenDetails: { noCacheTokens: undefined, cacheReadTokens: undefined, cacheWriteTokens: undefined },
    outputTokens: undefined,
    outputTokenDetails: { textTokens: undefined, reasoningTokens: undefined },
    totalTokens: undefined,
  }
  const reason = { finishReason: 'content-filter', rawFinishReason: RAW_REASON }
  const response = { id: RAW_REASON, timestamp: new Date(), modelId: 'unknown' }
  // As streamText itself begins a step's figures, before it knows any.
  const performance = {
    effectiveOutputTokensPerSecond: 0,
    outputTokensPerSecond: undefined,
    inputTokensPerSecond: undefined,
    effectiveTotalTokensPerSecond: 0,
    stepTimeMs: 0,
    responseTimeMs: 0,
    toolExecutionMs: {},
    timeToFirstOutputMs: undefined,
  }
  const step = { type: 'finish-step', response, usage, performance, providerMetadata: undefined, ...reason }
  return [...(inStep ? [step] : []), { type: 'finish', totalUsage: usage, ...reason }]
}
