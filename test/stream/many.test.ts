import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { kvBytesPerCell } from '../../lib/engine/memory.js'
import {
  GuardBusyError,
  type KvType,
  type LoadOptions,
  MemoryError,
  type Moderation,
  type ModerationEvent,
  StreamGuard,
  type TokenVerdict,
} from '../../lib/index.js'
import type { ModelDescription } from '../../lib/models/gguf/describe.js'
import { GPU, near } from '../support/gpu.js'
import { SENTENCES } from '../support/texts.js'

const DEMO: LoadOptions = { model: 'demo-stream', gpu: GPU, kvType: 'f32', flashAttention: false }

/** Conversations that many streams repeat: a prompt, and the pieces in which the reply to it comes. */
const CASES = SENTENCES.slice(0, 12).map((text, i) => ({
  prompt: `Tell me about number ${i}`,
  pieces: text.slice(0, 45).match(/.{1,9}/gsu) ?? [],
}))

interface Judged {
  prompt: Moderation['prompt']
  tokens: TokenVerdict[]
}

async function alone(guard: StreamGuard, { prompt, pieces }: (typeof CASES)[number]): Promise<Judged> {
  await using moderation = await guard.open(prompt)
  const tokens: TokenVerdict[] = []
  for (const piece of pieces) tokens.push(...(await moderation.push(piece)))
  return { prompt: moderation.prompt, tokens: [...tokens, ...(await moderation.end()).rest] }
}

/** All of `moderations` at once, a piece each at a time. */
async function together(moderations: readonly Moderation[]): Promise<Judged[]> {
  const judged = moderations.map(({ prompt }): Judged => ({ prompt, tokens: [] }))
  const most = Math.max(...CASES.map(({ pieces }) => pieces.length))
  for (let round = 0; round <= most; round++) {
    const verdicts = await Promise.all(
      moderations.map(async (moderation, i) => {
        const { pieces } = CASES[i % CASES.length] as (typeof CASES)[number]
        const piece = pieces[round]
        if (piece !== undefined) return await moderation.push(piece)
        return round === pieces.length ? (await moderation.end()).rest : []
      }),
    )
    for (const [i, tokens] of verdicts.entries()) judged[i]?.tokens.push(...tokens)
  }
  return judged
}

function expectSame(actual: Judged, expected: Judged): void {
  const numbers = ({ prompt, tokens }: Judged) =>
    [prompt, ...tokens].flatMap(({ probabilities, categories }) => [
      ...Object.values(probabilities),
      ...Object.values(categories),
    ])
  const labels = ({ prompt, tokens }: Judged) => [
    prompt.safety,
    ...tokens.map(({ probabilities, categories, ...rest }) => rest),
  ]
  expect(labels(actual)).toEqual(labels(expected))
  const wanted = numbers(expected)
  const most = Math.max(...numbers(actual).map((number, i) => Math.abs(number - (wanted[i] as number))))
  expect(most).toBeLessThan(TOLERANCE)
}

/** Weights in q8_0: how many tokens go together picks the kernel, and so the rounding. */
const TOLERANCE = near(1e-3, 'q8_0')

/** `judged`: by any number of guards, each of which began with the first case. */
async function expectAllAsAlone(guard: StreamGuard, ...judged: readonly Judged[][]): Promise<void> {
  const expected: Judged[] = []
  for (const one of CASES) expected.push(await alone(guard, one))
  for (const list of judged) {
    list.forEach((one, i) => {
      expectSame(one, expected[i % CASES.length] as Judged)
    })
  }
}

function open(guard: StreamGuard, count: number): Promise<Moderation[]> {
  return Promise.all(
    Array.from({ length: count }, (_, i) =>
      guard.open((CASES[i % CASES.length] as { prompt: string }).prompt),
    ),
  )
}

describe('many streams', () => {
  it('are 240 in one engine, each judged as if it were alone, many in one decode', async () => {
    await using guard = await StreamGuard.load({ ...DEMO, contextSize: 256, maxSequences: 241 })
    const moderations = await open(guard, 240)
    expect(guard.stats()).toMatchObject({ openSequences: 240, maxSequences: 241 })
    const before = guard.stats()
    const judged = await together(moderations)
    const { ticks, tokensDecoded, openSequences } = guard.stats()
    expect(openSequences).toBe(240)
    // Whatever waits goes along: a decode has the tokens of many streams.
    expect(tokensDecoded - before.tokensDecoded).toBeGreaterThan(240 * 20)
    expect((tokensDecoded - before.tokensDecoded) / (ticks - before.ticks)).toBeGreaterThan(20)
    await expectAllAsAlone(guard, judged)
    await Promise.all(moderations.map((moderation) => moderation.close()))
    expect(guard.stats()).toMatchObject({ openSequences: 0, cellsUsed: 0 })
  })

  it('are more than one engine holds with two guards, on weights that are loaded once', async () => {
    const progress: number[][] = [[], []]
    const log: string[][] = [[], []]
    const load = (i: number) =>
      StreamGuard.load({
        ...DEMO,
        contextSize: 256,
        maxSequences: 151,
        onProgress: (fraction) => progress[i]?.push(fraction),
        logLevel: 'info',
        onLog: (_, message) => log[i]?.push(message),
      })
    await using first = await load(0)
    await vi.waitFor(() => expect(log[0]?.join('\n')).toMatch(/n_ctx/))
    const read = log[0]?.length ?? 0
    await using second = await load(1)
    await vi.waitFor(() => expect(log[1]?.join('\n')).toMatch(/n_ctx/))
    expect(progress[0]?.length).toBeGreaterThan(1)
    expect(progress[1]).toEqual([1])
    expect(log[0]?.slice(0, read).join('\n')).toMatch(/llama_model_loader|load_tensors/)
    expect(log[1]?.join('\n')).not.toMatch(/llama_model_loader|load_tensors/)

    const [one, two] = await Promise.all([open(first, 150), open(second, 150)])
    const [judgedByOne, judgedByTwo] = await Promise.all([together(one), together(two)])
    await expectAllAsAlone(second, judgedByOne, judgedByTwo)
    await Promise.all([...one, ...two].map((moderation) => moderation.close()))
    await first.close()
    // The other one's weights are still there.
    expect((await alone(second, CASES[0] as (typeof CASES)[number])).tokens.length).toBeGreaterThan(5)
  })

  it('wait for none that does not go on: a reader who stops, a reply that stalls', async () => {
    await using guard = await StreamGuard.load({ ...DEMO, contextSize: 512, maxSequences: 3 })
    const reply = 'A reply that is long enough to be released in many pieces, one after the other. '.repeat(3)
    let pulled = 0
    const source = (async function* () {
      for (const word of reply.split(/(?<= )/)) {
        pulled += 1
        yield word
      }
    })()
    const allowed = { policy: { prompt: 'allow', threshold: 1 } } as const
    const unread = guard.moderate('First?', source, allowed)[Symbol.asyncIterator]()
    await unread.next()
    const silent = new ReadableStream<string>()
    const stalled = guard.moderate('Second?', silent, allowed)[Symbol.asyncIterator]()
    await stalled.next()
    const waiting = stalled.next()

    for (const one of CASES) expect((await alone(guard, one)).tokens.length).toBeGreaterThan(5)
    expect(guard.stats()).toMatchObject({ openSequences: 2, queued: 0 })

    let released = ''
    for (let next = await unread.next(); !next.done; next = await unread.next()) {
      if (next.value.type === 'text') released += next.value.text
    }
    expect(released).toBe(reply)
    expect(pulled).toBe(reply.split(/(?<= )/).length)
    await stalled.return?.()
    await waiting
    expect(guard.stats().openSequences).toBe(0)
  })

  it('go on beside a long prompt', async () => {
    await using guard = await StreamGuard.load({ ...DEMO, contextSize: 8192, maxSequences: 2 })
    await using moderation = await guard.open('Hello')
    const order: string[] = []
    const long = guard.classifyPrompt('word '.repeat(4000)).then(() => order.push('prompt'))
    for (const piece of ['One two ', 'three four ', 'five six ']) {
      await moderation.push(piece)
      order.push('stream')
    }
    await long
    expect(order).toEqual(['stream', 'stream', 'stream', 'prompt'])
  })
})

describe('limits', () => {
  it('are 256 streams in an engine, and no more than memory holds', async () => {
    await expect(StreamGuard.load({ ...DEMO, maxSequences: 257 })).rejects.toThrow(RangeError)
    const available = vi.spyOn(process, 'availableMemory').mockReturnValue(2 ** 30)
    try {
      const loading = StreamGuard.load({ ...DEMO, kvType: 'f16', contextSize: 8192, maxSequences: 256 })
      const error = (await loading.catch((reason: unknown) => reason)) as MemoryError
      expect(error).toBeInstanceOf(MemoryError)
      // 256 sequences of 8192 positions, 2 KiB each.
      expect(error.neededBytes).toBeGreaterThan(256 * 8192 * 2048)
      expect(error.availableBytes).toBe(2 ** 30)
    } finally {
      available.mockRestore()
    }
  })

  it('are told who comes when all are taken and enough wait', async () => {
    await using guard = await StreamGuard.load({ ...DEMO, contextSize: 256, maxSequences: 2, maxQueue: 1 })
    const [first, second] = await Promise.all([guard.open('First?'), guard.open('Second?')])
    const waiting = guard.open('Third?')
    await vi.waitFor(() => expect(guard.stats().queued).toBe(1))
    const refused = (await guard.open('Fourth?').catch((reason: unknown) => reason)) as GuardBusyError
    expect(refused).toBeInstanceOf(GuardBusyError)
    expect(refused.retryAfterMs).toBeGreaterThan(0)
    await expect(guard.conversation()).rejects.toThrow(GuardBusyError)
    const events: ModerationEvent[] = []
    for await (const event of guard.moderate('Fifth?', pieces('Yes.'))) events.push(event)
    expect(events.map(({ type }) => type)).toEqual(['block', 'end'])
    expect(events[0]).toMatchObject({ reason: 'overload', start: 0 })
    await first.close()
    await (await waiting).close()
    await second.close()
  })
})

describe('the sizing table', () => {
  it('says what the KV cache takes', () => {
    const docs = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'stream.md'), 'utf8')
    const rows = [...docs.matchAll(/^\| (\S+) \| `(\w+)` \| ([\d.]+) KiB \| ([\d.]+) \| ([\d.]+) \|/gmu)]
    expect(rows).toHaveLength(6)
    for (const [, size, type, kib, short, long] of rows) {
      const blockCount = size === '0.6B' ? 28 : 36
      const shape = { blockCount, headCountKv: 8, keyLength: 128 } as ModelDescription
      const bytes = kvBytesPerCell(shape, type as KvType)
      expect(Number(kib)).toBe(bytes / 1024)
      expect(short).toBe((2 ** 30 / (2048 * bytes)).toFixed(1))
      expect(long).toBe((2 ** 30 / (8192 * bytes)).toFixed(1))
    }
  })
})

async function* pieces(text: string): AsyncGenerator<string> {
  yield text
}
