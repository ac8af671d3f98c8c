import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { moderationMiddleware, moderationTransform } from '../../lib/adapters/ai-sdk/index.js'
import type { ContentOptions } from '../../lib/adapters/content-options.js'
import type { Moderator } from '../../lib/adapters/moderator.js'
import { moderationStage } from '../../lib/adapters/node-streams.js'
import { moderateChat, moderateResponse } from '../../lib/adapters/openai/index.js'
import { moderationStream } from '../../lib/adapters/web-streams.js'
import { GuardError, type ModerationEvent } from '../../lib/index.js'
import { AI_SDK, CHAT, CONTENTS, FOREIGN, RESPONSES } from '../support/foreign-chunks.js'
import { Markers, MUTATIONS, type Mutation, mutated, nodesOf, recorder } from '../support/marked.js'
import { stream } from '../support/replies.js'

type Run = (guard: Moderator, chunks: readonly unknown[], options: ContentOptions) => AsyncIterable<unknown>

const PROMPT = [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }]
const readable = (chunks: readonly unknown[]) => ReadableStream.from(chunks.map((chunk) => chunk ?? null))

const ADAPTERS: Record<string, { own: readonly unknown[]; run: Run }> = {
  moderateChat: {
    own: CHAT,
    run: (guard, chunks, options) => moderateChat(guard, 'Hi', stream(chunks) as never, options),
  },
  moderateResponse: {
    own: RESPONSES,
    run: (guard, chunks, options) => moderateResponse(guard, 'Hi', stream(chunks) as never, options),
  },
  moderationTransform: {
    own: AI_SDK('text'),
    run: (guard, chunks, options) =>
      readable(chunks).pipeThrough(moderationTransform(guard, 'Hi', options)({ tools: {} }) as never),
  },
  'moderationMiddleware, streamed': {
    own: AI_SDK('delta'),
    async *run(guard, chunks, options) {
      const doStream = async () => ({ stream: readable(chunks) })
      const call = { doStream, params: { prompt: PROMPT }, model: { specificationVersion: 'v3' } }
      const wrapped = await moderationMiddleware(guard, options).wrapStream?.(call as never)
      yield* (wrapped as unknown as { stream: ReadableStream<unknown> }).stream
    },
  },
  'moderationMiddleware, whole': {
    own: CONTENTS,
    async *run(guard, chunks, options) {
      const beside = chunks.map((chunk) => (typeof chunk === 'object' ? chunk : {}))
      const doGenerate = async () => ({
        ...Object.assign({}, ...beside.filter((one) => !Array.isArray(one) && !ArrayBuffer.isView(one))),
        content: chunks,
        finishReason: 'stop',
        response: { id: 'id', body: chunks },
      })
      yield await moderationMiddleware(guard, options).wrapGenerate?.({
        doGenerate,
        params: { prompt: PROMPT },
      } as never)
    },
  },
  moderationStream: {
    own: ['text'],
    run: (guard, chunks) => readable(chunks).pipeThrough(moderationStream(guard, 'Hi') as never),
  },
  moderationStage: {
    own: ['text', new TextEncoder().encode('text')],
    run: (guard, chunks) => moderationStage(guard, 'Hi')(stream(chunks) as never),
  },
}

/** What servers, providers and callers write, and models do not: by the names of fields. */
const LISTED = new RegExp(
  `(^|[.\\]])(${[
    'id|type|object|role|model|modelId|created|created_at|completed_at|status|name|kind|phase|toolName|title|url|URL|license',
    'system_fingerprint|service_tier|provider|finish_reason|native_finish_reason|stop_reason|matched_stop|finishReason',
    'unified|finishReason\\.raw|rawFinishReason|incomplete_details\\.reason|severity|date|last_updated|filename|file_id',
    'item_id|call_id|toolCallId|approvalId|server_label|namespace|approval_request_id|previous_response_id|container_id',
    'error\\.(code|message|param|status)|warnings\\[\\]\\.(details|message|setting|feature)|x_groq\\.error',
    'sourceType|mediaType|detail|signature|itemId|encrypted_content|thought_signature|timestamp|responseId|caller_id',
    'inputEncoding|providerExecuted|dynamic|invalid|isError|preliminary|approved|isAutomatic|async|approve|fingerprint',
    'reference_ids\\[\\]|citations\\[\\]|user|created_by|background|output_format|quality|size|execution|conversation\\.id',
    'truncation|store|stepNumber|ttl|top_p|temperature|max_output_length|image_generation_call\\.action',
  ].join('|')})$`,
  'u',
)

/** What repeats a request or is of the application's own, with all that is in it. */
const ECHOED =
  /^response\.(instructions|metadata|tools|tool_choice|text|prompt|reasoning)\b|(^|\.)(headers|request|toolExecutionMs)\b|warnings\[\]\.tool\b/u

/** The names of providers, which are those of packages. */
const PROVIDERS = /^providerMetadata\.\(key\)$/u

/** By a chunk's type. */
const OF_TYPE: Record<string, RegExp> = {
  error: /^(error|code|message|param)\b/u,
  abort: /^reason$/u,
  'steering-message': /^message\b/u,
}

/** Tools' parts and pictures: announced where they pass. */
const PAYLOADS =
  /^choices\[\]\.delta\.(tool_calls|function_call)\b|^(item\.|response\.output\[\]\.)?(arguments|input|delta|code|command|actions?|outputs?|queries|results?|error|operation|environment|pending_safety_checks|acknowledged_safety_checks|tools|reason|toolCall|toolMetadata)\b/u
const MEDIA =
  /image_url\.url\b|^(item\.|response\.output\[\]\.)?(data|file|partial_image_b64|result|revised_prompt|action)\b/u

const samples = [...CHAT, ...RESPONSES, ...AI_SDK('text'), ...CONTENTS, ...FOREIGN]
const nodes = samples.flatMap(nodesOf)

const mutation = fc.record({
  kind: fc.constantFrom(...MUTATIONS),
  at: fc.nat(1000),
  from: fc.nat(100_000),
}) as fc.Arbitrary<Mutation>

const chunk = fc.record({
  /** Mostly the adapter's own, so that a stream gets somewhere. */
  isForeign: fc.nat(9).map((one) => one === 0),
  pick: fc.nat(10_000),
  mutations: fc.array(mutation, { maxLength: 2 }),
  names: fc.nat(9).map((one) => one === 0),
})

const options: fc.Arbitrary<ContentOptions> = fc.record(
  {
    toolCalls: fc.constantFrom('judge', 'pass', 'block'),
    media: fc.constantFrom('pass', 'block'),
  },
  { requiredKeys: [] },
)

describe('no string leaves an adapter unjudged, unless it is on the list', () => {
  it.each(Object.keys(ADAPTERS))('of any chunk of any API, whole or changed: %s', async (name) => {
    const { own, run } = ADAPTERS[name] as (typeof ADAPTERS)[string]
    const takesOptions = !/Stage|onStream/u.test(name)
    const outcomes = { passed: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.array(chunk, { minLength: 1, maxLength: 6 }),
        options,
        fc.constantFrom('nothing', 'nothing', 'reply', 'prompt'),
        async (picked, content, blocks) => {
          const markers = new Markers()
          const chunks = picked.map(({ isForeign, pick, mutations, names }) => {
            const list = isForeign ? samples : own
            const changed = mutations.reduce(
              (chunk, one) => mutated(chunk, one, nodes),
              list[pick % list.length] as unknown,
            )
            return markers.mark(changed, names)
          })
          const { moderator, released } = recorder(blocks)
          const events: ModerationEvent[] = []
          const onEvent = (event: ModerationEvent) => events.push(event)
          const shown: unknown[] = []
          try {
            for await (const one of run(moderator, chunks, takesOptions ? { ...content, onEvent } : {})) {
              shown.push(one)
            }
            outcomes.passed += 1
          } catch (error) {
            outcomes.refused += 1
            // Of its own class, or an argument's: nothing that fails by chance.
            if (!GuardError.isGuardError(error)) expect(String(error)).toMatch(/^TypeError: Expected /u)
          }
          const judged = released.join(' ')
          const told = new Set(events.map((event) => (event.type === 'unjudged' ? event.what : '')))
          const passesTools = told.has('tool-call') || told.has('tool-result')
          for (const { marker, path, type } of markers.in(JSON.stringify(shown) ?? '')) {
            const isListed =
              judged.includes(marker) ||
              LISTED.test(path) ||
              ECHOED.test(path) ||
              PROVIDERS.test(path) ||
              OF_TYPE[String(type)]?.test(path) ||
              (PAYLOADS.test(path) && passesTools && (content.toolCalls ?? 'pass') === 'pass') ||
              (MEDIA.test(path) && told.has('media') && content.media !== 'block')
            expect(isListed, `${path} of ${type} left unjudged: ${JSON.stringify(shown)}`).toBe(true)
          }
        },
      ),
      { numRuns: 1000 },
    )
    // It was not all refused, nor all let through.
    expect(outcomes.passed).toBeGreaterThan(100)
    expect(outcomes.refused).toBeGreaterThan(20)
  })
})
