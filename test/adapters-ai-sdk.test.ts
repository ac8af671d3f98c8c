import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moderationMiddleware, moderationTransform, type SdkOptions } from '../lib/adapters/ai-sdk.js'
import { type Message, type ModerationEvent, StreamGuard } from '../lib/index.js'
import { BLOCKED_PROMPT, collect, HARMFUL, HARMLESS, PROMPT, pieces, released } from './support/replies.js'

type Sdk = typeof import('ai')
type Part = { type: string; [field: string]: unknown }
type Model = import('ai').LanguageModel & {
  doStream(call: object): Promise<{ stream: ReadableStream<Part> }>
}
type Mock = new (model: { doStream?: unknown; doGenerate?: unknown }) => Model

/** The majors that are supported; the newest needs a newer Node than the rest. */
const MAJORS = [
  { major: 5, node: 18, load: () => [import('ai-5'), import('ai-5/test')] },
  { major: 6, node: 18, load: () => [import('ai-6'), import('ai-6/test')] },
  { major: 7, node: 22, load: () => [import('ai'), import('ai/test')] },
].filter(({ node }) => Number(process.versions.node.split('.')[0]) >= node)

const REPLACEMENT = '[withheld]'
const SAFE_REASONING = 'The user wants ideas for the weekend, so I list a few things to do. '

function deltas(kind: 'text' | 'reasoning', text: string, id = '0'): Part[] {
  return [
    { type: `${kind}-start`, id },
    ...pieces(text).map((delta) => ({ type: `${kind}-delta`, id, delta })),
    { type: `${kind}-end`, id },
  ]
}

const TOOL_CALL: Part[] = [
  { type: 'tool-input-start', id: 'call', toolName: 'weather' },
  { type: 'tool-input-delta', id: 'call', delta: '{"city":' },
  { type: 'tool-input-delta', id: 'call', delta: '"Paris"}' },
  { type: 'tool-input-end', id: 'call' },
  { type: 'tool-call', toolCallId: 'call', toolName: 'weather', input: '{"city":"Paris"}' },
]

/** The parts that are left when each delta of a text follows the one before. */
function joined(parts: readonly Part[]): string[] {
  const kinds: string[] = []
  for (const { type, id } of parts) {
    const name = id === undefined ? type : `${type} ${id}`
    if (kinds.at(-1) !== name) kinds.push(name)
  }
  return kinds
}

function textOf(parts: readonly Part[], type = 'text-delta'): string {
  return parts.map((part) => (part.type === type ? String(part.text ?? part.delta) : '')).join('')
}

/** Every part that is opened is closed, once, and nothing comes outside. */
function expectWellFormed(parts: readonly Part[]): void {
  const open = new Set<string>()
  for (const { type, id } of parts) {
    const [, kind, event] = /^(text|reasoning|tool-input)-(start|delta|end)$/.exec(type) ?? []
    if (kind === undefined) continue
    const name = `${kind} ${id}`
    expect(open.has(name), `${type} of ${name}`).toBe(event !== 'start')
    if (event === 'start') open.add(name)
    if (event === 'end') open.delete(name)
  }
  expect([...open]).toEqual([])
}

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load()
})
afterAll(() => guard?.close())

describe.each(MAJORS)('AI SDK $major', ({ major, load }) => {
  let sdk: Sdk
  let MockModel: Mock

  beforeAll(async () => {
    const [ai, test] = (await Promise.all(load())) as unknown as [Sdk, Record<string, Mock>]
    sdk = ai
    MockModel = test[`MockLanguageModelV${major - 3}`] as Mock
  })

  function finish(reason = 'stop'): Part {
    const finishReason = major === 5 ? reason : { unified: reason, raw: reason }
    const usage =
      major === 5
        ? { inputTokens: 1, outputTokens: 2, totalTokens: 3 }
        : {
            inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
            outputTokens: { total: 2, text: 2, reasoning: undefined },
          }
    return { type: 'finish', finishReason, usage }
  }

  /** A model that streams these parts, call by call, and then ends, or goes silent without `finish`. */
  function modelOf(...calls: Part[][]) {
    const state = { cancelled: 0 }
    const doStream = async ({ abortSignal }: { abortSignal?: AbortSignal }) => {
      const left = [{ type: 'stream-start', warnings: [] }, ...(calls.shift() ?? [])]
      const silent = left.at(-1)?.type !== 'finish'
      const stream = new ReadableStream(
        {
          start(controller) {
            abortSignal?.addEventListener('abort', () => controller.error(abortSignal.reason))
          },
          async pull(controller) {
            const part = left.shift()
            if (part?.type === 'throw') controller.error(part.error)
            else if (part) controller.enqueue(part)
            else if (silent) await new Promise(() => {})
            else controller.close()
          },
          cancel() {
            state.cancelled += 1
          },
        },
        { highWaterMark: 0 },
      )
      return { stream }
    }
    return { model: new MockModel({ doStream }), state }
  }

  const tools = () => {
    const calls: unknown[] = []
    const weather = sdk.tool({
      inputSchema: sdk.jsonSchema<{ city: string }>({
        type: 'object',
        properties: { city: { type: 'string' } },
      }),
      execute: async (input: { city: string }) => {
        calls.push(input)
        return 'sunny'
      },
    })
    return { calls, tools: { weather } }
  }

  type Request = Partial<Parameters<Sdk['streamText']>[0]> & { options?: SdkOptions; onError?: () => void }

  describe.each(['moderationMiddleware', 'moderationTransform'] as const)('%s', (way) => {
    // Before version 7, streamText does not cancel a model.
    const cancels = way === 'moderationMiddleware' || major >= 7

    function stream(model: import('ai').LanguageModel, { options = {}, ...request }: Request = {}) {
      const messages = request.messages ?? [{ role: 'user' as const, content: PROMPT }]
      const { wrapLanguageModel, streamText } = sdk
      const moderated =
        way === 'moderationMiddleware'
          ? {
              model: wrapLanguageModel({
                model: model as never,
                middleware: moderationMiddleware(guard, options),
              }),
            }
          : { model, experimental_transform: moderationTransform(guard, messages, options) }
      return streamText({ ...request, prompt: undefined, messages, ...moderated } as never)
    }

    async function partsOf(model: import('ai').LanguageModel, request: Request = {}) {
      const result = stream(model, request)
      const parts = (await collect(result.fullStream)) as Part[]
      expect(guard.stats().openSequences).toBe(0)
      return { parts, result }
    }

    it('passes a stream on as it is', async () => {
      const { model } = modelOf([
        ...deltas('reasoning', SAFE_REASONING, 'r'),
        ...deltas('text', HARMLESS),
        { type: 'source', sourceType: 'url', id: 's', url: 'https://example.com' },
        ...TOOL_CALL,
        finish('tool-calls'),
      ])
      const { calls, ...withTools } = tools()
      const { parts, result } = await partsOf(model, withTools)
      expect(textOf(parts)).toBe(HARMLESS)
      expect(textOf(parts, 'reasoning-delta')).toBe(SAFE_REASONING)
      expect(await result.finishReason).toBe('tool-calls')
      expect(calls).toEqual([{ city: 'Paris' }])
      const plain = modelOf([
        ...deltas('reasoning', SAFE_REASONING, 'r'),
        ...deltas('text', HARMLESS),
        { type: 'source', sourceType: 'url', id: 's', url: 'https://example.com' },
        ...TOOL_CALL,
        finish('tool-calls'),
      ])
      const unguarded = sdk.streamText({ model: plain.model, prompt: PROMPT, tools: tools().tools })
      expect(joined(parts)).toEqual(joined((await collect(unguarded.fullStream)) as Part[]))
    })

    it('ends the stream well-formed when it blocks, and cancels the model', async () => {
      const { model, state } = modelOf([
        { type: 'text-start', id: '0' },
        ...pieces(HARMLESS + HARMFUL).map((delta) => ({ type: 'text-delta', id: '0', delta })),
      ])
      const events: ModerationEvent[] = []
      const { parts, result } = await partsOf(model, {
        options: { replacement: REPLACEMENT, onEvent: (event) => events.push(event) },
      })
      const expected = await released(guard, HARMLESS + HARMFUL)
      expect(textOf(parts)).toBe(expected + REPLACEMENT)
      expectWellFormed(parts)
      expect(joined(parts).slice(-2)).toEqual(['finish-step', 'finish'])
      expect(await result.finishReason).toBe('content-filter')
      expect(await result.text).toBe(expected + REPLACEMENT)
      if (major > 5) expect(parts.at(-1)).toMatchObject({ rawFinishReason: 'qwen3guard' })
      expect(events.filter(({ type }) => type === 'block')).toMatchObject([
        { reason: 'reply', start: expected.length },
      ])
      if (cancels) await expect.poll(() => state.cancelled).toBe(1)
    })

    it('makes a message that an interface can read, after a block too', async () => {
      const { model } = modelOf([
        ...deltas('reasoning', SAFE_REASONING, 'r'),
        ...deltas('text', HARMLESS + HARMFUL),
        finish(),
      ])
      const result = stream(model, { options: { replacement: REPLACEMENT } })
      let last: import('ai').UIMessage | undefined
      for await (const message of sdk.readUIMessageStream({ stream: result.toUIMessageStream() }))
        last = message
      const texts = last?.parts.filter((part) => part.type === 'text')
      expect(texts).toMatchObject([{ state: 'done' }, { text: REPLACEMENT, state: 'done' }])
      expect(last?.parts.find((part) => part.type === 'reasoning')).toMatchObject({ text: SAFE_REASONING })
    })

    it('shows nothing of a reply to a prompt that is blocked, be it a tool call', async () => {
      for (const reply of [deltas('text', HARMLESS), TOOL_CALL]) {
        const { model, state } = modelOf(reply)
        const { parts, result } = await partsOf(model, {
          messages: [{ role: 'user', content: [{ type: 'text', text: BLOCKED_PROMPT }] }],
          tools: tools().tools,
        })
        expectWellFormed(parts)
        expect(textOf(parts)).toBe('')
        expect(parts.filter(({ type }) => type.startsWith('tool'))).toEqual([])
        expect(await result.finishReason).toBe('content-filter')
        if (cancels) await expect.poll(() => state.cancelled).toBe(1)
      }
    })

    it('judges reasoning, and shows no answer after what it blocks', async () => {
      const reasoning = `${SAFE_REASONING}${HARMFUL}`
      const { model } = modelOf([
        ...deltas('reasoning', reasoning, 'r'),
        ...deltas('text', HARMLESS),
        finish(),
      ])
      const { parts, result } = await partsOf(model)
      expectWellFormed(parts)
      expect(textOf(parts, 'reasoning-delta')).toBe(await released(guard, reasoning, true))
      expect(textOf(parts)).toBe('')
      expect(await result.finishReason).toBe('content-filter')
    })

    it('judges each id of text by itself', async () => {
      const [a, b] = [pieces(HARMLESS), pieces(HARMLESS.repeat(2))]
      const mixed = b.flatMap((delta, i) => [
        ...(a[i] === undefined ? [] : [{ type: 'text-delta', id: 'a', delta: a[i] }]),
        { type: 'text-delta', id: 'b', delta },
      ])
      const { model } = modelOf([
        { type: 'text-start', id: 'a' },
        { type: 'text-start', id: 'b' },
        ...mixed,
        { type: 'text-end', id: 'a' },
        { type: 'text-end', id: 'b' },
        ...deltas('text', HARMFUL, 'c'),
        finish(),
      ])
      const { parts } = await partsOf(model)
      expectWellFormed(parts)
      const of = (id: string) => textOf(parts.filter((part) => part.id === id))
      expect([of('a'), of('b')]).toEqual([HARMLESS, HARMLESS.repeat(2)])
      expect(of('c')).toBe(await released(guard, HARMFUL))
    })

    it('lets no other part overtake the text before it', async () => {
      const { model } = modelOf([
        { type: 'text-start', id: '0' },
        ...pieces('I look at the weather').map((delta) => ({ type: 'text-delta', id: '0', delta })),
        ...TOOL_CALL,
        { type: 'text-end', id: '0' },
        finish('tool-calls'),
      ])
      const { parts } = await partsOf(model, { tools: tools().tools })
      const before = parts.slice(
        0,
        parts.findIndex(({ type }) => type === 'tool-input-start'),
      )
      expect(textOf(before)).toBe('I look at the weather')
    })

    it('keeps what providers attach to deltas, and drops raw chunks', async () => {
      const providerMetadata = { test: { signature: 'abc' } }
      const { model } = modelOf([
        { type: 'raw', rawValue: 'a raw chunk' },
        { type: 'reasoning-start', id: 'r' },
        { type: 'reasoning-delta', id: 'r', delta: SAFE_REASONING, providerMetadata },
        { type: 'reasoning-end', id: 'r' },
        ...deltas('text', HARMLESS),
        finish(),
      ])
      const { parts, result } = await partsOf(model, { includeRawChunks: true } as Request)
      expect(await result.reasoning).toMatchObject([{ text: SAFE_REASONING, providerMetadata }])
      expect(parts.filter(({ type }) => type === 'raw')).toEqual([])
    })

    it('goes through the steps of an agent', async () => {
      const { model } = modelOf(
        [...deltas('text', HARMLESS), ...TOOL_CALL, finish('tool-calls')],
        [...deltas('text', HARMLESS + HARMFUL), finish()],
      )
      const { parts, result } = await partsOf(model, {
        tools: tools().tools,
        stopWhen: sdk.stepCountIs(3),
      })
      expectWellFormed(parts)
      const steps = await result.steps
      expect(steps.map((step) => step.finishReason)).toEqual(['tool-calls', 'content-filter'])
      expect(steps[0]?.text).toBe(HARMLESS)
      expect(steps[1]?.text).toBe(await released(guard, HARMLESS + HARMFUL))
    })

    it('ends with an abort, and with what the model throws', async () => {
      const abort = new AbortController()
      const silent = modelOf(deltas('text', HARMLESS).slice(0, -1))
      const result = stream(silent.model, { abortSignal: abort.signal, onError: () => {} })
      const parts: Part[] = []
      for await (const part of result.fullStream) {
        parts.push(part as Part)
        if (part.type === 'text-delta') abort.abort()
      }
      expect(parts.at(-1)?.type).toBe('abort')
      await expect.poll(() => guard.stats().openSequences).toBe(0)

      const broken = modelOf([
        ...deltas('text', HARMLESS).slice(0, -1),
        { type: 'throw', error: new Error('the model is gone') },
      ])
      const run = collect(stream(broken.model, { onError: () => {} }).fullStream) as Promise<Part[]>
      const outcome = await run.then(
        (list) => String(list.find(({ type }) => type === 'error')?.error),
        String,
      )
      expect(outcome).toContain('the model is gone')
      await expect.poll(() => guard.stats().openSequences).toBe(0)
    })
  })

  describe('moderationMiddleware', () => {
    const wrapped = (model: import('ai').LanguageModel, options = {}, by: unknown = guard) =>
      sdk.wrapLanguageModel({
        model: model as never,
        middleware: moderationMiddleware(by as StreamGuard, options),
      })

    function generating(...calls: Part[][]) {
      return new MockModel({
        doGenerate: async () => ({
          content: calls.shift() ?? [],
          finishReason: finish().finishReason,
          usage: finish().usage,
          warnings: [],
          providerMetadata: { test: { logprobs: HARMFUL } },
          response: { id: 'id', modelId: 'model', timestamp: new Date(0), body: { text: HARMFUL } },
        }),
      })
    }

    it('keeps tools from running after text that it blocks', async () => {
      const { model } = modelOf([...deltas('text', HARMFUL), ...TOOL_CALL, finish('tool-calls')])
      const { calls, ...withTools } = tools()
      const result = sdk.streamText({ model: wrapped(model), prompt: PROMPT, ...withTools })
      await result.consumeStream()
      expect(calls).toEqual([])
      expect(await result.finishReason).toBe('content-filter')
    })

    it('moderates calls that do not stream', async () => {
      const content = [
        { type: 'reasoning', text: SAFE_REASONING },
        { type: 'text', text: HARMLESS },
      ]
      const result = await sdk.generateText({ model: wrapped(generating(content)), prompt: PROMPT })
      expect(result).toMatchObject({
        text: HARMLESS,
        finishReason: 'stop',
        providerMetadata: { test: {} },
      })
      expect(result.reasoning).toMatchObject([{ text: SAFE_REASONING }])
      expect(guard.stats().openSequences).toBe(0)
    })

    it('withholds what it blocks from calls that do not stream, and the tool calls after it', async () => {
      const content = [
        { type: 'text', text: HARMLESS + HARMFUL },
        { type: 'tool-call', toolCallId: 'call', toolName: 'weather', input: '{"city":"Paris"}' },
      ]
      const { calls, ...withTools } = tools()
      const result = await sdk.generateText({
        model: wrapped(generating(content), { replacement: REPLACEMENT }),
        prompt: PROMPT,
        ...withTools,
      })
      const expected = await released(guard, HARMLESS + HARMFUL)
      expect(result.text).toBe(expected + REPLACEMENT)
      expect(result.finishReason).toBe('content-filter')
      expect(calls).toEqual([])
      // Nor does it stand anywhere else in the result.
      expect(JSON.stringify(result.steps)).not.toContain('customers')
      expect(guard.stats().openSequences).toBe(0)
    })

    it('judges the text of a prompt, up to its last user message', async () => {
      const { model } = modelOf([...deltas('text', HARMLESS), finish()])
      let judged: Message[] = []
      const options = {
        input: (messages: Message[]) => {
          judged = messages
          return messages.slice(-1)
        },
      }
      const result = sdk.streamText({
        model: wrapped(model, options),
        system: 'Be brief.',
        messages: [
          { role: 'user', content: 'Hi' },
          {
            role: 'assistant',
            content: [
              { type: 'reasoning', text: 'A greeting.' },
              { type: 'text', text: 'Hello!' },
            ],
          },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is' },
              { type: 'image', image: new Uint8Array([137, 80, 78, 71]), mediaType: 'image/png' },
              { type: 'text', text: 'this?' },
            ],
          },
          {
            role: 'assistant',
            content: [{ type: 'tool-call', toolCallId: 'call', toolName: 'weather', input: {} }],
          },
          {
            role: 'tool',
            content: [
              {
                type: 'tool-result',
                toolCallId: 'call',
                toolName: 'weather',
                output: { type: 'text', value: 'sunny' },
              },
            ],
          },
        ],
        tools: tools().tools,
      })
      await result.consumeStream()
      expect(judged).toEqual([
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello!', reasoning: 'A greeting.' },
        { role: 'user', content: 'What is\nthis?' },
      ])
      expect(await result.text).toBe(HARMLESS)
    })

    it('cancels the model when its stream is cancelled, and frees the guard', async () => {
      const { model, state } = modelOf(deltas('text', HARMLESS).slice(0, -1))
      const { stream } = await (wrapped(model) as Model).doStream({
        prompt: [{ role: 'user', content: [{ type: 'text', text: PROMPT }] }],
      })
      const reader = stream.getReader()
      await reader.read()
      const pending = reader.read()
      await reader.cancel()
      await pending
      expect(state.cancelled).toBe(1)
      expect(guard.stats().openSequences).toBe(0)
    })

    it('lets a Conversation judge, and ends a call that has nothing to judge', async () => {
      await using conversation = await guard.conversation()
      const { model } = modelOf([
        ...deltas('reasoning', SAFE_REASONING, 'r'),
        ...deltas('text', HARMLESS),
        finish(),
      ])
      const result = sdk.streamText({ model: wrapped(model, {}, conversation), prompt: PROMPT })
      expect(await result.text).toBe(HARMLESS)
      const errors: unknown[] = []
      const systemOnly = sdk.streamText({
        model: wrapped(modelOf([finish()]).model),
        messages: [{ role: 'assistant', content: 'Hello' }],
        onError: ({ error }) => {
          errors.push(error)
        },
      })
      await systemOnly.consumeStream()
      expect(String(errors)).toContain('Expected a user message')
    })

    it('shows nothing when the guard fails, unless the policy says so', async () => {
      const closed = await StreamGuard.load()
      await closed.close()
      const run = async (options: SdkOptions) => {
        const { model } = modelOf([...deltas('text', HARMLESS), finish()])
        const result = sdk.streamText({ model: wrapped(model, options, closed), prompt: PROMPT })
        return [await result.text, await result.finishReason]
      }
      expect(await run({})).toEqual(['', 'content-filter'])
      expect(await run({ policy: { onFailure: 'allow' } })).toEqual([HARMLESS, 'stop'])
    })
  })
})
