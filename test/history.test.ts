import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { latestTurns } from '../lib/history.js'
import { GenGuard, type Message, type ModerationEvent, StreamGuard, TooLongError } from '../lib/index.js'

const OPTIONS = { model: 'demo', gpu: false, contextSize: 512 } as const
let gen: GenGuard
let stream: StreamGuard

beforeAll(async () => {
  gen = await GenGuard.load(OPTIONS)
  stream = await StreamGuard.load(OPTIONS)
})

afterAll(async () => {
  await gen.close()
  await stream.close()
})

const SYSTEM: Message = { role: 'system', content: 'Be kind.' }
const turn = (i: number): Message[] => [
  { role: 'user', content: `Question ${i}: what is the capital of France, and why is that?` },
  { role: 'assistant', content: `Answer ${i}: Paris, and that has reasons which take a long time to tell.` },
]
const turns = (count: number) => Array.from({ length: count }, (_, i) => turn(i)).flat()
const LAST: Message = { role: 'user', content: 'And of Spain?' }

describe('latestTurns', () => {
  it.each([0, 1, 2, 5, 17, 40])('finds as many turns as fit in %i messages', async (room) => {
    const messages = [SYSTEM, ...turns(15), LAST]
    const latest = await latestTurns(messages, async (list) => (list.length <= room ? list : null))
    if (room < 2) return expect(latest).toBe(null)
    const kept = latest?.encoded ?? []
    expect(kept[0]).toBe(SYSTEM)
    expect(kept.at(-1)).toBe(LAST)
    expect(kept[1]?.role).toBe('user')
    // One turn more would not.
    expect(kept.length + 2 > room || kept.length >= messages.length - 2).toBe(true)
    expect(latest?.dropped).toBe(messages.length - kept.length)
    expect(kept.slice(1)).toEqual(messages.slice(1 + (latest?.dropped ?? 0)))
  })
})

describe("history: 'drop'", () => {
  const long = [SYSTEM, ...turns(40), LAST]

  it('judges a conversation that outgrew the context, and says what was left out', async () => {
    await expect(stream.classifyPrompt(long)).rejects.toThrow(TooLongError)
    await expect(gen.classify(long)).rejects.toThrow(TooLongError)

    const moderation = await stream.open(long, { history: 'drop' })
    const { droppedMessages = 0, promptTokens } = moderation.usage
    expect(droppedMessages).toBeGreaterThan(60)
    expect(promptTokens).toBeLessThanOrEqual(512 * 0.75)
    expect(moderation.prompt).toEqual(
      await stream.classifyPrompt([SYSTEM, ...long.slice(1 + droppedMessages)]),
    )
    await moderation.close()

    const verdict = await gen.classify(long, { history: 'drop' })
    const dropped = verdict.usage.droppedMessages ?? 0
    expect(dropped).toBeGreaterThan(60)
    expect(verdict.text).toBe((await gen.classify([SYSTEM, ...long.slice(1 + dropped)])).text)
    const whole = await gen.classify([...turns(1), LAST], { history: 'drop' })
    expect(whole.usage.droppedMessages).toBeUndefined()
  })

  it('still refuses a last turn that does not fit alone', async () => {
    const alone = [...turns(3), { role: 'user' as const, content: 'word '.repeat(2000) }]
    await expect(stream.classifyPrompt(alone, { history: 'drop' })).rejects.toThrow(TooLongError)
    await expect(gen.classify(alone, { history: 'drop' })).rejects.toThrow(TooLongError)
  })

  it('lets a conversation go on for ever', async () => {
    const conversation = await stream.conversation({ history: 'drop' })
    const policy = { categories: {}, prompt: 'allow' } as const
    let dropped = 0
    for (let i = 0; i < 30; i++) {
      const [{ content: question }, { content: answer }] = turn(i) as [Message, Message]
      const events: ModerationEvent[] = []
      const reply = (async function* () {
        yield answer
      })()
      for await (const event of conversation.moderate(question, reply, { policy })) events.push(event)
      expect(events.filter((event) => event.type === 'block' && event.reason === 'failure')).toEqual([])
      const [first] = events
      if (first?.type === 'prompt') dropped = Math.max(dropped, first.usage.droppedMessages ?? 0)
    }
    expect(dropped).toBeGreaterThan(20)
    expect(conversation.messages.length).toBeGreaterThan(40)
    await conversation.close()
  })

  it('is refused where it is no such word', async () => {
    const history = 'oldest' as 'drop'
    await expect(gen.classify('x', { history })).rejects.toThrow(/history to be 'error' or 'drop'/)
    await expect(stream.open('x', { history })).rejects.toThrow(TypeError)
    await expect(stream.conversation({ history })).rejects.toThrow(TypeError)
  })
})
