import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moderationTransform } from '../../lib/adapters/ai-sdk/index.js'
import * as node from '../../lib/adapters/node-streams.js'
import { moderateChat, moderateResponse } from '../../lib/adapters/openai/index.js'
import * as web from '../../lib/adapters/web-streams.js'
import { type Policy, StreamGuard } from '../../lib/index.js'
import { chunk, stop } from '../support/chat-chunks.js'
import { fixtureModel } from '../support/fixture-model.js'
import { collect, PROMPT, stream } from '../support/replies.js'

/** Half a surrogate pair without the other. */
const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

const TEXT = 'So 😀😀 it is 👩‍👩‍👧 and 𝒜𝒷 so on 😀 to the end 😀'

/** Lets everything pass; what the fixture's verdicts are does not matter. */
const policy: Policy = { prompt: 'allow', consecutive: 1000 }

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load({ model: await fixtureModel('stream-f32-tied'), contextSize: 512 })
})
afterAll(() => guard?.close())

/** The pieces that each adapter releases of a text that comes in these. */
const RELEASED: Record<string, (pieces: string[]) => Promise<string[]>> = {
  moderateChat: async (pieces) => {
    const source = [...pieces.map((content) => chunk({ content })), stop()]
    const chunks = (await collect(
      moderateChat(guard, PROMPT, stream(source) as never, { policy }),
    )) as unknown as { choices: { delta: { content?: string } }[] }[]
    return chunks.map(({ choices }) => choices[0]?.delta.content ?? '')
  },
  moderateResponse: async (pieces) => {
    const source = pieces.map((delta) => ({ type: 'response.output_text.delta', output_index: 0, delta }))
    const events = await collect(moderateResponse(guard, PROMPT, stream(source), { policy }))
    return events.map((event) => (event as unknown as { delta?: string }).delta ?? '')
  },
  moderationTransform: async (pieces) => {
    // A mark of another kind between any two pieces, which keeps its place.
    const source = pieces.flatMap((text) => [
      { type: 'text-delta', id: '0', text },
      { type: 'text-delta', id: '1', text: 'x' },
    ])
    const transform = moderationTransform(guard, PROMPT, { policy })({ tools: {} })
    const parts = (await collect(ReadableStream.from(source).pipeThrough(transform as never))) as {
      id: string
      text: string
    }[]
    expect(parts.flatMap(({ id, text }) => (id === '1' ? text : [])).join('')).toBe('x'.repeat(pieces.length))
    return parts.flatMap(({ id, text }) => (id === '0' ? text : []))
  },
  'web-streams': async (pieces) =>
    await collect(ReadableStream.from(pieces).pipeThrough(web.moderationStream(guard, PROMPT, { policy }))),
  moderationStage: async (pieces) =>
    await collect(node.moderationStage(guard, PROMPT, { policy })(stream(pieces))),
  'node-streams': async (pieces) => {
    const duplex = node.moderationStream(guard, PROMPT, { policy })
    return (await collect(Readable.from(pieces).pipe(duplex))) as string[]
  },
}

describe.each(Object.keys(RELEASED))('what %s releases', (name) => {
  const released = RELEASED[name] as (pieces: string[]) => Promise<string[]>

  it('is cut between characters wherever its pieces were cut', async () => {
    const units = TEXT.split('')
    for (const pieces of [units, [TEXT], ...[3, 5, 7].map((step) => cutInto(TEXT, step))]) {
      const texts = await released(pieces)
      expect(texts.join('')).toBe(TEXT)
      for (const text of texts) expect(text).not.toMatch(HALF)
    }
    expect(guard.stats().openSequences).toBe(0)
  })

  it('loses nothing, where a text ends with half a character', async () => {
    expect((await released(['So ', 'on \ud83d'])).join('')).toBe('So on \ud83d')
  })
})

function cutInto(text: string, step: number): string[] {
  return Array.from({ length: Math.ceil(text.length / step) }, (_, i) => text.slice(i * step, (i + 1) * step))
}

describe('text of Node streams', () => {
  it('is whole once it is bytes', async () => {
    const bytes: Buffer[] = []
    const response = new Writable({
      write(chunk: Buffer, _encoding, callback) {
        bytes.push(chunk)
        callback()
      },
    })
    await pipeline(Readable.from(TEXT.split('')), node.moderationStage(guard, PROMPT, { policy }), response)
    expect(Buffer.concat(bytes).toString()).toBe(TEXT)
  })

  it('is text or bytes: what else comes is named, and so is an option that nobody knows', async () => {
    for (const [piece, name] of [
      [{ text: 'Hi' }, 'object'],
      [5, 'number'],
    ] as const) {
      const reading = collect(node.moderationStage(guard, PROMPT, { policy })(stream([piece]) as never))
      await expect(reading).rejects.toThrow(`text or UTF-8 bytes, got ${name}`)
    }
    const options = { onblock: 'error' } as never
    for (const moderate of [node.moderationStage, node.moderationStream, web.moderationStream]) {
      expect(() => moderate(guard, PROMPT, options)).toThrow('did you mean `onBlock`?')
      expect(() => moderate(guard, PROMPT, { toolCalls: 'pass' } as never)).toThrow('`toolCalls`')
      expect(() => moderate(guard, PROMPT, null as never)).toThrow(/^Expected .* to be an object/u)
    }
  })
})
