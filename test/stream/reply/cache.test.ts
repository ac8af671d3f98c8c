import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TooLongError } from '../../../lib/errors.js'
import { atOnceOrLater } from '../../../lib/event-loop.js'
import { ReplyCache, type ReplyCacheParts } from '../../../lib/stream/reply/cache.js'
import { logitsAfter, SimulatedSequence, WIDTH } from '../../support/simulated-sequence.js'

const PROMPT = [1, 2, 3]
const SCAFFOLD = [4, 5, 6]
const ANSWER_SCAFFOLD = [4, 5, 6, 7, 8]
const REASONING_END = 99

function cacheOf(capacity: number, changes: Partial<ReplyCacheParts> = {}) {
  const sequence = new SimulatedSequence(PROMPT, capacity)
  const cache = new ReplyCache({
    sequence,
    scaffold: Int32Array.from(SCAFFOLD),
    answerScaffold: Int32Array.from(ANSWER_SCAFFOLD),
    reasoningEnd: null,
    width: WIDTH,
    tooLong: 'error',
    signal: undefined,
    ...changes,
  })
  return { sequence, cache }
}

/** What must come out at `index` of a reply, and from where it is seen: token by token, as the rule is documented. */
function expected(ids: readonly number[], index: number, room: number | null, reasoning = false) {
  let from = 0
  if (room !== null) {
    for (let i = 0; i <= index; i++) if (i - from === room) from = i - Math.floor(room / 2)
  }
  const answer = reasoning && ids.slice(0, from).includes(REASONING_END)
  const seen = [...PROMPT, ...(answer ? ANSWER_SCAFFOLD : SCAFFOLD), ...ids.slice(from, index + 1)]
  return { logits: logitsAfter(seen), from }
}

async function read(cache: ReplyCache, at: number, ids: readonly number[]) {
  return await atOnceOrLater(cache.read(at, ids))
}

describe('ReplyCache', () => {
  it('gives the outputs of each id behind exactly those before it, whatever was tried there before', async () => {
    const step = fc.record({
      final: fc.integer({ min: 0, max: 30 }),
      tried: fc.array(fc.integer({ min: 10, max: 13 }), { maxLength: 40 }),
      right: fc.integer({ min: 0, max: 40 }),
      back: fc.option(fc.integer({ min: 0, max: 60 }), { freq: 6 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 25 }),
        fc.boolean(),
        fc.boolean(),
        async (steps, slide, reasoning) => {
          const { cache } = cacheOf(slide ? 48 : 4096, {
            tooLong: slide ? 'slide' : 'error',
            reasoningEnd: reasoning ? REASONING_END : null,
          })
          const room = slide ? 48 - PROMPT.length - ANSWER_SCAFFOLD.length : null
          if (slide) expect(cache.room).toBe(room)
          // The reply that it will have been; of what is tried beforehand some is right.
          let reply = Array.from({ length: 1000 }, (_, i) => (i === 37 ? REASONING_END : 10 + ((i * 7) % 4)))
          let settled = 0
          for (const { final, tried, right, back } of steps) {
            if (back !== null && back <= settled) {
              settled = back
              cache.rewind(back)
              reply = [...reply.slice(0, back), ...reply.slice(back).map((id) => (id === 10 ? 11 : id))]
            }
            const end = settled + final
            const provisional = [...reply.slice(end, end + right), ...tried]
            const ids = [...reply.slice(0, end), ...provisional]
            const outputs = await read(cache, settled, ids.slice(settled))
            expect(outputs).toEqual(
              ids.slice(settled).map((_, i) => expected(ids, settled + i, room, reasoning)),
            )
            settled = end
          }
        },
      ),
      { numRuns: 150, seed: 5 },
    )
  })

  it('decodes only what is not the same as before', async () => {
    const { sequence, cache } = cacheOf(64)
    await read(cache, 0, [10, 11, 12, 13])
    await read(cache, 0, [10, 11, 12, 13])
    await read(cache, 0, [10, 11, 20])
    await read(cache, 2, [20, 21, 22])
    await read(cache, 4, [22])
    cache.rewind(1)
    await read(cache, 1, [11])
    const start = PROMPT.length + SCAFFOLD.length
    expect(sequence.requests).toEqual([
      { keep: PROMPT.length, tokens: [...SCAFFOLD, 10, 11, 12, 13], read: [3, 4, 5, 6] },
      { keep: start + 2, tokens: [20], read: [0] },
      { keep: start + 3, tokens: [21, 22], read: [0, 1] },
      { keep: start + 1, tokens: [11], read: [0] },
    ])
  })

  it('slides as often as needed for ids that come at once, and never holds more than fits', async () => {
    const { sequence, cache } = cacheOf(48, { tooLong: 'slide' })
    const ids = Array.from({ length: 500 }, (_, i) => i)
    expect(await read(cache, 0, ids)).toEqual(ids.map((_, i) => expected(ids, i, cache.room)))
    const decoded = sequence.requests.reduce((sum, { tokens }) => sum + tokens.length, 0)
    // Each slide decodes half of the room again, and the scaffold.
    expect(decoded).toBeLessThan(ids.length * 2.5)
  })

  it('refuses ids without room, and a context with hardly any room to slide in', async () => {
    const { cache } = cacheOf(PROMPT.length + SCAFFOLD.length + 4)
    expect(cache.room).toBe(4)
    await expect(read(cache, 0, [1, 2, 3, 4, 5])).rejects.toThrow('do not fit')
    expect(() => cacheOf(39, { tooLong: 'slide' })).toThrow(TooLongError)
    expect(cacheOf(40, { tooLong: 'slide' }).cache.room).toBe(32)
  })

  it('decodes everything behind the prompt again after a request that failed', async () => {
    const { sequence, cache } = cacheOf(64)
    await read(cache, 0, [10, 11])
    sequence.failsAt = sequence.length
    await expect(read(cache, 2, [12])).rejects.toThrow('fails here')
    sequence.failsAt = null
    expect(await read(cache, 2, [12])).toEqual([expected([10, 11, 12], 2, null)])
    expect(sequence.requests.at(-1)).toMatchObject({ keep: PROMPT.length, tokens: [...SCAFFOLD, 10, 11, 12] })
  })
})
