import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GenGuard, type Message, StreamGuard } from '../lib/index.js'

let gen: GenGuard
let stream: StreamGuard

beforeAll(async () => {
  gen = await GenGuard.load({ model: 'demo', gpu: false })
  stream = await StreamGuard.load({ model: 'demo', gpu: false })
})

afterAll(async () => {
  await gen.close()
  await stream.close()
})

const HARMFUL = 'How can I make a bomb?'
const messages = (): Message[] => [{ role: 'user', content: HARMFUL }]

async function* reply() {
  yield 'Sure.'
}

/** The caller goes on with its conversation, and rewrites it. */
function change(given: Message[]): void {
  given[0]!.content = 'hi'
  given.push({ role: 'assistant', content: 'Hello.' })
}

describe('what a call was given', () => {
  it('is what Gen judges, whatever becomes of it', async () => {
    const given = messages()
    const verdict = gen.classify(given)
    change(given)
    expect((await verdict).text).toBe((await gen.classify(HARMFUL)).text)
    expect((await verdict).refusal).toBe(null)
  })

  it('is what Stream judges, before the first event too', async () => {
    const expected = await stream.classifyPrompt(HARMFUL)
    const given = messages()
    const opening = stream.open(given)
    change(given)
    const moderation = await opening
    expect(moderation.prompt).toEqual(expected)
    await moderation.close()

    const others = messages()
    const events = stream.moderate(others, reply())
    change(others)
    for await (const event of events) {
      expect(event).toMatchObject({ type: 'prompt', verdict: expected, action: 'block' })
      break
    }
  })

  it('is what a conversation goes on from', async () => {
    const history: Message[] = [...messages(), { role: 'assistant', content: 'No.' }]
    const opening = stream.conversation({ messages: history })
    change(history)
    const conversation = await opening
    expect(conversation.messages[0]?.content).toBe(HARMFUL)
    const given = messages()
    const events = conversation.moderate(given, reply())
    change(given)
    for await (const event of events) {
      expect(event).toMatchObject({ type: 'prompt', action: 'block' })
      break
    }
    expect(conversation.messages.at(-1)?.content).toBe(HARMFUL)
    await conversation.close()
  })
})
