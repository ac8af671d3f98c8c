import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  moderationMiddleware,
  moderationTransform,
  type SdkOptions,
} from '../../../lib/adapters/ai-sdk/index.js'
import { type ModerationEvent, StreamGuard } from '../../../lib/index.js'
import {
  deltas,
  expectWellFormed,
  joined,
  loadSdk,
  MAJORS,
  type Part,
  REPLACEMENT,
  SAFE_REASONING,
  type Sdk,
  TOOL_CALL,
  textOf,
} from '../../support/ai-sdk.js'
import {
  BLOCKED_PROMPT,
  collect,
  HARMFUL,
  HARMLESS,
  PROMPT,
  pieces,
  released,
} from '../../support/replies.js'

type Loaded = Awaited<ReturnType<typeof loadSdk>>

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load({ model: 'demo' })
})
afterAll(() => guard?.close())

describe.each(MAJORS)('AI SDK $major', (one) => {
  const { major } = one
  let sdk: Sdk
  let finish: Loaded['finish']
  let modelOf: Loaded['modelOf']
  let tools: Loaded['tools']

  beforeAll(async () => {
    ;({ sdk, finish, modelOf, tools } = await loadSdk(one))
  })

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

    it('passes an error that the model reports on, after all of the text before it', async () => {
      const { model } = modelOf([
        ...deltas('text', HARMLESS).slice(0, -1),
        { type: 'error', error: new Error('overloaded') },
        finish('error'),
      ])
      const { parts, result } = await partsOf(model, { onError: () => {} })
      const at = parts.findIndex(({ type }) => type === 'error')
      expect(String(parts[at]?.error)).toContain('overloaded')
      expect(textOf(parts.slice(0, at))).toBe(HARMLESS)
      expect(await result.finishReason).toBe('error')
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
})
