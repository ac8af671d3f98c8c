import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moderationMiddleware, type SdkOptions } from '../../../lib/adapters/ai-sdk/index.js'
import { type Message, StreamGuard } from '../../../lib/index.js'
import {
  deltas,
  loadSdk,
  MAJORS,
  type Model,
  type Part,
  REPLACEMENT,
  SAFE_REASONING,
  type Sdk,
  TOOL_CALL,
} from '../../support/ai-sdk.js'
import { HARMFUL, HARMLESS, PROMPT, released } from '../../support/replies.js'

type Loaded = Awaited<ReturnType<typeof loadSdk>>

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load({ model: 'demo' })
})
afterAll(() => guard?.close())

describe.each(MAJORS)('moderationMiddleware with AI SDK $major', (one) => {
  let sdk: Sdk
  let MockModel: Loaded['MockModel']
  let finish: Loaded['finish']
  let modelOf: Loaded['modelOf']
  let tools: Loaded['tools']

  beforeAll(async () => {
    ;({ sdk, MockModel, finish, modelOf, tools } = await loadSdk(one))
  })

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
    const closed = await StreamGuard.load({ model: 'demo' })
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
