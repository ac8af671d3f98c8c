import type { LanguageModelMiddleware, TextStreamPart, ToolSet } from 'ai'
import type { Input, Message } from '../../types.js'
import { type ContentOptions, checkContent, FieldSieve } from '../content-options.js'
import { known } from '../known-fields.js'
import { type ForeignInput, promptOf } from '../messages.js'
import type { Moderator } from '../moderator.js'
import type { Shape } from '../source-pieces.js'
import { readableOf, transformOf } from '../transform.js'
import { moderatedParts } from '../unjudged-prompt.js'
import { RESULT } from './fields.js'
import { finishReasonLike, modelFinish, streamTextFinish } from './finish.js'
import type { Part } from './part.js'
import { ContentShape, numbered, SdkShape } from './stream-parts.js'

export type { ContentOptions } from '../content-options.js'
export type { BlockEvent, Moderator } from '../moderator.js'

/** A call's own abort signal ends its moderation. */
export type SdkOptions = Omit<ContentOptions, 'signal'>

/** Options of `moderationMiddleware`. */
export interface MiddlewareOptions extends SdkOptions {
  /** What a call is judged by, of the text of its prompt. Default: all messages up to the last user message. */
  input?(messages: Message[]): Input
}

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
  checkContent('moderationMiddleware', options, { input: true })
  const { input: choose, ...shared } = options
  if (choose !== undefined && typeof choose !== 'function') {
    throw new TypeError(`Expected input to be a function of the messages, got ${typeof choose}`)
  }
  function begin<P>(
    params: { prompt: readonly object[]; abortSignal?: AbortSignal | undefined },
    shape: Shape<P>,
  ) {
    const signal = params.abortSignal
    const parts = moderatedParts(
      guard,
      params.prompt,
      shape,
      { ...shared, ...(signal && { signal }) },
      choose,
    )
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
        return {
          stream: moderated as unknown as typeof stream,
          ...known(rest, RESULT, '', new FieldSieve(shared)),
        }
      } catch (error) {
        await parts.return()
        throw error
      }
    },
    async wrapGenerate({ doGenerate, params }) {
      const shape = new ContentShape(shared)
      const sieve = new FieldSieve(shared)
      const parts = begin(params, shape)
      try {
        const result = await doGenerate()
        const content = await shape.collect(parts.read(numbered(result.content as unknown as Part[])))
        const { content: _, ...rest } = result
        const kept = known(rest, RESULT, '', sieve)
        for (const { field } of sieve.told()) shared.onEvent?.({ type: 'omitted', field })
        if (!shape.isBlocked) return { ...kept, content } as unknown as typeof result
        // The provider's metadata may repeat what was withheld.
        const { providerMetadata: __, ...shown } = kept
        return {
          ...shown,
          content,
          finishReason: finishReasonLike(result.finishReason),
        } as unknown as typeof result
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
  checkContent('moderationTransform', options)
  // Arguments are refused here rather than in the stream.
  promptOf(input)
  return <TOOLS extends ToolSet>() => {
    const shape = new SdkShape('text', options, streamTextFinish)
    // On a block the transform refuses more, which cancels the source from version 7 on. stopStream is not for this:
    // where the model has ended by then, it leaves a rejection that nobody handles (versions 5 and 6).
    const transform = transformOf(moderatedParts(guard, input, shape, options))
    return transform as unknown as TransformStream<TextStreamPart<TOOLS>, TextStreamPart<TOOLS>>
  }
}
