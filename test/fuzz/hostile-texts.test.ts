// Texts that somebody wrote to keep the event loop, the memory or the stack: they are judged, or refused in time.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GenGuard, GuardBusyError, StreamGuard, TooLongError } from '../../lib/index.js'

/**
 * Milliseconds. The promise is 50; beside other tests on a busy machine everything takes a multiple of that. What
 * this is to find holds the loop for seconds.
 */
const LONGEST_HOLD = 700
const UNITS = 200_000

const repeated = (text: string) => text.repeat(Math.ceil(UNITS / text.length))
const SHAPES: [name: string, text: string][] = [
  ['a letter with marks out of order', `a${repeated('\u0345\u0301\u0323\u0327')}`],
  ['digits', repeated('7')],
  ['short words', repeated('a ')],
  ['byte order marks', repeated('\uFEFF')],
  ['one word', repeated('a')],
  ['one word of another script', repeated('漢')],
  ['spaces', repeated(' ')],
  ['line ends among spaces', repeated(' \r\n')],
  ['symbols', repeated('<')],
  ['spellings of added tokens', repeated('<|im_end|></think>')],
  ['noncharacters, the shield among them', repeated('\uFDD0\uFDD1\uE000')],
  ['lone surrogates', repeated('\uD800')],
  ['decomposed letters', repeated('e\u0301')],
  ['Hangul in parts', `\u1100${repeated('\u1161\u11A8')}`],
  ['short sentences', repeated('A b. ')],
  [
    'words that do not repeat',
    Array.from({ length: UNITS / 8 }, (_, i) => (i * 2_654_435_761).toString(36)).join(' '),
  ],
]

let gen: GenGuard
let stream: StreamGuard

beforeAll(async () => {
  gen = await GenGuard.load({ model: 'demo', gpu: false, maxQueue: 10 })
  stream = await StreamGuard.load({ model: 'demo', gpu: false })
  await gen.classify('hi')
  await stream.classifyPrompt('hi')
})

afterAll(async () => {
  await gen.close()
  await stream.close()
})

/** Runs `work`, which must let the loop go on all the while. */
async function letsOthersRun<T>(work: () => Promise<T>): Promise<T> {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  try {
    return await work()
  } finally {
    await new Promise((resolve) => setTimeout(resolve, 20))
    delay.disable()
    expect(delay.max / 1e6).toBeLessThan(LONGEST_HOLD)
  }
}

/** An error that ends the judgement of a text is one about its length. */
async function endsWell(work: () => Promise<unknown>): Promise<void> {
  try {
    await letsOthersRun(work)
  } catch (error) {
    expect(error).toBeInstanceOf(TooLongError)
  }
}

describe.each(SHAPES)('%s', (_name, text) => {
  it('as a prompt, a reply and history of Gen and Stream', async () => {
    const user = (content: string) => ({ role: 'user' as const, content })
    const reply = { role: 'assistant' as const, content: text }
    await endsWell(() => gen.classify(text))
    await endsWell(() => gen.classify([user('x'), reply]))
    await endsWell(() => stream.classifyPrompt(text))
    await endsWell(() => stream.classifyPrompt([user('x'), reply, user('y')]))
  })

  it('pushed at once', async () => {
    const moderation = await stream.open('x')
    await expect(letsOthersRun(() => moderation.push(text))).rejects.toThrow(TooLongError)
    await moderation.close()
  })

  it('in windows, and pushed to a context that slides', async () => {
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), 1500)
    const { signal } = stop
    const windows = () => gen.classify(text, { tooLong: 'window', signal }).catch(() => {})
    const slide = async () => {
      const moderation = await stream.open('x', { tooLong: 'slide', signal })
      await moderation.push(text).catch(() => {})
      await moderation.close()
    }
    await letsOthersRun(() => Promise.all([windows(), slide().catch(() => {})]))
    clearTimeout(timer)
  })
})

describe('a run of marks', () => {
  it('pushed in small pieces is taken in time that grows with it alone', async () => {
    const text = `a${'\u0345\u0301\u0323\u0327'.repeat(2500)}`
    const moderation = await stream.open('x')
    await endsWell(async () => {
      for (let at = 0; at < text.length; at += 8) await moderation.push(text.slice(at, at + 8))
      await moderation.end()
    })
    await moderation.close()
  })
})

describe('many ids', () => {
  it('are refused by their number, before they are looked at', async () => {
    const moderation = await stream.open('x')
    await expect(moderation.pushTokens({ length: 2 ** 40 })).rejects.toThrow(TooLongError)
    await moderation.close()
    const another = await stream.open('x')
    await expect(another.pushTokens(new Int32Array(130_000))).rejects.toThrow(TooLongError)
    await another.close()
  })
})

describe('many messages', () => {
  const messages = Array.from({ length: 100_000 }, () => ({ role: 'user' as const, content: 'x' }))

  it('are refused by their number', async () => {
    for (const judge of [() => gen.classify(messages), () => stream.classifyPrompt(messages)]) {
      await expect(letsOthersRun<unknown>(judge)).rejects.toThrow(/at least 100000 tokens/)
    }
  })

  it('that do fit by their number are rendered beside the loop', async () => {
    const many = messages.slice(0, 2000)
    for (const judge of [() => gen.classify(many), () => stream.classifyPrompt(many)]) {
      await expect(letsOthersRun<unknown>(judge)).rejects.toThrow(TooLongError)
    }
  })
})

describe('many calls', () => {
  it('are let in as far as the queue has places, before anything is done for them', async () => {
    const before = process.memoryUsage().rss
    let refused = 0
    let judged = 0
    const text = 'bread '.repeat(400)
    const calls = Array.from({ length: 20_000 }, () =>
      gen.classify(text).then(
        () => {
          judged += 1
        },
        (error) => {
          expect(error).toBeInstanceOf(GuardBusyError)
          refused += 1
        },
      ),
    )
    // Refusals do not wait for any judgement.
    await new Promise((resolve) => setImmediate(resolve))
    expect(refused).toBeGreaterThan(19_900)
    expect(process.memoryUsage().rss - before).toBeLessThan(400 << 20)
    await Promise.all(calls)
    expect(judged).toBe(20_000 - refused)
    expect(judged).toBeGreaterThanOrEqual(10)
  })
})
