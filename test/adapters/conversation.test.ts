import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moderationTransform } from '../../lib/adapters/ai-sdk/index.js'
import { moderateChat, moderateResponse } from '../../lib/adapters/openai/index.js'
import { moderationStream } from '../../lib/adapters/web-streams.js'
import { type Message, type ModerationEvent, StreamGuard, type TokenVerdict } from '../../lib/index.js'
import { deltas, type Part, TOOL_CALL } from '../support/ai-sdk.js'
import { chunk, contents, finishes, start, stop, textOf } from '../support/chat-chunks.js'
import { labels } from '../support/judged.js'
import { REASONING } from '../support/openai.js'
import {
  BLOCKED_PROMPT,
  collect,
  HARMFUL,
  HARMLESS,
  PROMPT,
  pieces,
  released,
  stream,
} from '../support/replies.js'
import { begin, message, numbered, summary } from '../support/response-events.js'

type Chunk = import('openai').OpenAI.ChatCompletionChunk

const HISTORY: Message[] = [
  { role: 'user', content: 'Hello!' },
  { role: 'assistant', content: 'Hello, what can I do for you?' },
]
const ASKED: Message[] = [...HISTORY, { role: 'user', content: PROMPT }]
/** White space at its end would be one token with the line end that joins two texts. */
const FIRST = HARMLESS.trim()
const MORE = 'The museum is open on Sunday. '

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load({ model: 'demo' })
})
afterAll(() => guard?.close())

/** Parts of the AI SDK through its transform, as streamText has them. */
async function transformed(
  moderator: Parameters<typeof moderationTransform>[0],
  parts: Part[],
  options = {},
) {
  const source = parts.map(({ delta, ...part }) => ({ ...part, ...(delta !== undefined && { text: delta }) }))
  const transform = moderationTransform(moderator, PROMPT, options)({ tools: {} })
  return (await collect(
    ReadableStream.from(source).pipeThrough(transform as unknown as TransformStream<object, Part>),
  )) as Part[]
}

const shownOf = (parts: readonly Part[], id: string) =>
  parts.map((part) => (part.type === 'text-delta' && part.id === id ? part.text : '')).join('')

const prompts = (events: readonly ModerationEvent[]) =>
  events.flatMap((event) => (event.type === 'prompt' ? [event.usage.promptTokens] : []))

describe("a Conversation that judges a stream of several texts, given the user's text", () => {
  it('judges a further text of the AI SDK as if both had come in one', async () => {
    await using conversation = await guard.conversation({ messages: HISTORY })
    const events: ModerationEvent[] = []
    const parts = await transformed(
      conversation,
      [...deltas('text', FIRST, '0'), ...TOOL_CALL, ...deltas('text', MORE, '1')],
      { tokens: true, onEvent: (event: ModerationEvent) => events.push(event) },
    )
    expect([shownOf(parts, '0'), shownOf(parts, '1')]).toEqual([FIRST, MORE])
    expect(conversation.messages).toEqual([...ASKED, { role: 'assistant', content: `${FIRST}\n${MORE}` }])

    await using moderation = await guard.open(ASKED)
    const expected = [...(await moderation.push(`${FIRST}\n${MORE}`)), ...(await moderation.end()).rest]
    expect(prompts(events)).toEqual([moderation.usage.promptTokens, moderation.usage.promptTokens])
    const { prompt } = moderation
    const further = ({ start }: TokenVerdict) => start > FIRST.length
    const tokens = events.flatMap((event) => (event.type === 'token' ? [event.verdict] : [])).filter(further)
    expect(labels({ prompt, tokens })).toEqual(labels({ prompt, tokens: expected.filter(further) }))
  })

  it('judges reasoning, answer and refusal of a chat completion against the same prompt, and remembers all', async () => {
    await using conversation = await guard.conversation({ messages: HISTORY })
    const events: ModerationEvent[] = []
    const reply = [
      start(),
      ...contents(REASONING, 'reasoning_content'),
      ...contents(HARMLESS),
      ...contents(MORE, 'refusal'),
      stop(),
    ] as Chunk[]
    const options = { onEvent: (event: ModerationEvent) => events.push(event) }
    const chunks = await collect(moderateChat(conversation, PROMPT, stream(reply), options))
    expect(textOf(chunks, 'reasoning_content')).toBe(REASONING)
    expect(textOf(chunks)).toBe(HARMLESS)
    expect(textOf(chunks, 'refusal')).toBe(MORE)
    expect(new Set(prompts(events)).size).toBe(1)
    const said = { role: 'assistant', content: `${HARMLESS}\n${MORE}`, reasoning: REASONING }
    expect(conversation.messages).toEqual([...ASKED, said])

    await collect(moderateChat(conversation, 'And then?', stream([...contents(HARMLESS), stop()] as Chunk[])))
    expect(conversation.messages).toEqual([
      ...ASKED,
      said,
      { role: 'user', content: 'And then?' },
      { role: 'assistant', content: HARMLESS },
    ])
  })

  it('blocks a response at a further text, and remembers what was shown', async () => {
    await using conversation = await guard.conversation()
    const sent = numbered([...begin, ...summary(REASONING), ...message(FIRST, 1), ...message(HARMFUL, 2)])
    const source = stream(sent as object[] as { type: string; delta?: string; output_index?: number }[])
    const events = await collect(moderateResponse(conversation, PROMPT, source))
    const shown = (index: number) =>
      events
        .map(({ type, delta, output_index }) =>
          type === 'response.output_text.delta' && output_index === index ? delta : '',
        )
        .join('')
    expect(shown(1)).toBe(FIRST)
    expect(`${FIRST}\n${shown(2)}`).toBe(await released(guard, `${FIRST}\n${HARMFUL}`))
    expect(events.at(-1)?.type).toBe('response.incomplete')
    const { content, reasoning } = conversation.messages.at(-1) as Message
    expect(content).toBe(`${FIRST}\n${shown(2)}`)
    expect(reasoning).toBe(REASONING)
  })

  it('remembers a text once that is repeated without the white space around it, or in two fields', async () => {
    await using conversation = await guard.conversation()
    const sent = message(HARMLESS, 0).map((event) =>
      JSON.parse(
        JSON.stringify(event, (key, value) => (key === 'text' && value === HARMLESS ? FIRST : value)),
      ),
    )
    await collect(
      moderateResponse(
        conversation,
        PROMPT,
        stream(numbered([...begin, ...sent]) as object[] as { type: string }[]),
      ),
    )
    const asked = { role: 'user', content: PROMPT }
    expect(conversation.messages).toEqual([asked, { role: 'assistant', content: HARMLESS }])

    // The chunk that leads from the reasoning to the answer has both.
    const twice = pieces(REASONING).map((reasoning) => chunk({ reasoning, reasoning_content: reasoning }))
    const leading = chunk({ reasoning_content: ' Done.', reasoning: ' Done.', content: 'Well. ' })
    const reply = [start(), ...twice, leading, ...contents(FIRST), stop()]
    await collect(moderateChat(conversation, 'And then?', stream(reply as Chunk[])))
    const said = { role: 'assistant', content: `Well. ${FIRST}`, reasoning: `${REASONING} Done.` }
    expect(conversation.messages.at(-1)).toEqual(said)
  })

  it('judges against the messages as they were at the call', async () => {
    await using conversation = await guard.conversation()
    for (const moderator of [guard, conversation]) {
      const messages = structuredClone(ASKED) as { role: 'user'; content: string }[]
      const stage = moderationStream(moderator, messages)
      messages.push({ role: 'user', content: BLOCKED_PROMPT })
      for (const message of messages) message.content = BLOCKED_PROMPT
      expect((await collect(ReadableStream.from([MORE]).pipeThrough(stage))).join('')).toBe(MORE)
    }
    expect(conversation.messages).toEqual([...ASKED, { role: 'assistant', content: MORE }])
  })

  it('refuses texts that are open together, and choices', async () => {
    await using conversation = await guard.conversation({ messages: HISTORY })
    const together = [
      ...deltas('text', HARMLESS, '0').slice(0, -1),
      ...deltas('text', MORE, '1'),
      { type: 'text-end', id: '0' },
    ]
    await expect(transformed(conversation, together)).rejects.toThrow(
      /one text after the other.*guard itself/,
    )

    const chunks: Chunk[] = []
    const reading = async () => {
      const choices = [...contents(HARMLESS), stop(), ...contents(MORE, 'content', 1)] as Chunk[]
      for await (const chunk of moderateChat(conversation, PROMPT, stream(choices))) chunks.push(chunk)
    }
    await expect(reading()).rejects.toThrow(TypeError)
    expect(finishes(chunks)).toEqual(['0 stop'])
    expect(textOf(chunks, 'content', 1)).toBe('')

    await collect(moderateChat(conversation, ASKED, stream([...contents(MORE), stop()] as Chunk[])))
    expect(conversation.messages).toEqual([...ASKED, { role: 'assistant', content: MORE }])
  })

  it('takes the messages of a call for what was said', async () => {
    await using conversation = await guard.conversation({ messages: HISTORY })
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: 'Sing!' },
      { role: 'assistant', content: null, refusal: 'I cannot sing.' },
      { role: 'user', content: [{ type: 'text', text: PROMPT }] },
      { role: 'assistant', content: null, tool_calls: [] },
      { role: 'tool', content: 'sunny' },
    ]
    await collect(moderateChat(conversation, messages, stream([...contents(MORE), stop()] as Chunk[])))
    expect(conversation.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Sing!' },
      { role: 'assistant', content: 'I cannot sing.' },
      { role: 'user', content: PROMPT },
      { role: 'assistant', content: MORE },
    ])
  })
})
