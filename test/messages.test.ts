import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GenGuard, type Input, type Message, StreamGuard, TooLongError } from '../lib/index.js'

// A message says what was expected, what came and what to do: here, what to do.
const LONG = 'I like my garden, the birds in it and the old tree. '.repeat(60)
const TURNS: Message[] = [
  { role: 'user', content: LONG },
  { role: 'assistant', content: 'So do I.' },
  { role: 'user', content: 'hello' },
]

let gen: GenGuard
let stream: StreamGuard

beforeAll(async () => {
  gen = await GenGuard.load({ model: 'demo', gpu: false, contextSize: 512 })
  stream = await StreamGuard.load({ model: 'demo', gpu: false, contextSize: 256 })
})

afterAll(async () => {
  await gen?.close()
  await stream?.close()
})

describe('a text over the context names the option that judges it', () => {
  it('for Gen: windows, and for a conversation its oldest turns left out', async () => {
    const tooLong = async (input: Input) => {
      const error = await gen.classify(input).catch((reason) => reason)
      expect(error).toBeInstanceOf(TooLongError)
      return (error as TooLongError).message
    }
    expect(await tooLong(LONG)).toContain("`tooLong: 'window'`")
    expect(await tooLong(LONG)).not.toContain('history')
    expect(await tooLong(TURNS)).toMatch(/`tooLong: 'window'`.*`history: 'drop'`.*contextSize/)
  })

  it('for what comes before the last message: the oldest turns left out', async () => {
    const windows = gen.classify(TURNS, { tooLong: 'window' })
    await expect(windows).rejects.toThrow("`history: 'drop'`")
  })

  it('for the prompt of Stream: the oldest turns left out', async () => {
    await expect(stream.open(TURNS)).rejects.toThrow("`history: 'drop'`")
    await expect(stream.open(LONG)).rejects.toThrow('contextSize')
  })

  it('for a reply: its latest part', async () => {
    await using moderation = await stream.open('hello')
    await expect(moderation.push(LONG)).rejects.toThrow("`tooLong: 'slide'`")
  })
})

it.each([1, 'abort', {}, true])('of a signal that is none, %o, says what one is', async (signal) => {
  const options = { signal: signal as unknown as AbortSignal }
  const calls = [
    () => gen.classify('hello', options),
    () => stream.open('hello', options),
    () => GenGuard.load({ model: 'demo', ...options }),
  ]
  for (const call of calls) {
    const error = await call().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as TypeError).message).toMatch(/AbortSignal, got .*`new AbortController\(\)`/)
  }
})
