import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ModeratedParts } from '../../lib/adapters/moderated-parts.js'
import type { Piece, Shape } from '../../lib/adapters/source-pieces.js'
import { type Policy, StreamGuard } from '../../lib/index.js'
import { fixtureModel } from '../support/fixture-model.js'
import { collect, PROMPT, stream } from '../support/replies.js'
import { manyTexts, randomPieces, seeded } from '../support/texts.js'

/** A stream of several texts, of ends of them, and of marks. */
type Part = { id: string; text: string } | { id: string; end: true } | { mark: number } | { blocked: string }

const IDS = ['a', 'b', 'c']

/** Lets any prompt pass, so that the replies are judged. */
const POLICY: Policy = { prompt: 'flag' }

class TestShape implements Shape<Part> {
  /** As many lanes as there are texts, or none. */
  readonly lanes: number

  constructor(lanes: boolean) {
    this.lanes = lanes ? IDS.length : 0
  }

  *split(part: Part): Generator<Piece<Part>> {
    if ('mark' in part || 'blocked' in part) yield { type: 'part', part }
    else if ('end' in part) {
      yield { type: 'end', key: part.id }
      yield { type: 'part', part, lane: part.id }
    } else {
      const { id, text } = part
      yield { type: 'text', key: id, lane: id, text, write: (released) => ({ id, text: released }) }
    }
  }

  *blocked(_block: unknown, lane: string | undefined): Generator<Part> {
    yield { blocked: lane ?? 'all' }
  }
}

/** The parts of all texts, shuffled together with marks; each text in its own order. */
function shuffled(texts: ReadonlyMap<string, string>, random: () => number): Part[] {
  const left = [...texts].map(([id, text]): Part[] => [
    ...randomPieces(text, random).map((piece) => ({ id, text: piece })),
    ...(random() < 0.7 ? [{ id, end: true } as const] : []),
  ])
  const parts: Part[] = []
  while (left.some((list) => list.length > 0)) {
    if (random() < 0.1) parts.push({ mark: parts.length })
    const list = left[Math.floor(random() * left.length)]
    parts.push(...(list ?? []).splice(0, 1 + Math.floor(random() * 4)))
  }
  return parts
}

function textOf(parts: readonly Part[], id: string): string {
  return parts.map((part) => ('text' in part && part.id === id ? part.text : '')).join('')
}

/** Up to the end of the character in which the text would be cut: its halves go out together. */
function wholeLength(text: string, length: number): number {
  return /[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(0, length + 1)) ? length + 1 : length
}

describe('ModeratedParts', () => {
  let guard: StreamGuard

  // Random weights: verdicts mean nothing, vary from token to token, and are the same in every run.
  beforeAll(async () => {
    guard = await StreamGuard.load({
      model: await fixtureModel('stream-f32-tied'),
      kvType: 'f32',
      flashAttention: false,
      contextSize: 512,
    })
  })
  afterAll(() => guard?.close())

  /** What `moderate` releases of a text, and whether it blocks. */
  async function moderated(text: string, policy: Policy) {
    const events = await collect(guard.moderate(PROMPT, stream([text]), { policy }))
    return {
      text: events.map((event) => (event.type === 'text' ? event.text : '')).join(''),
      blocked: events.some(({ type }) => type === 'block'),
    }
  }

  async function run(source: readonly Part[], lanes: boolean, policy: Policy, random: () => number) {
    async function* slowly() {
      for (const part of source) {
        if (random() < 0.1) await sleep(0)
        yield part
      }
    }
    const parts: Part[] = []
    const moderating = new ModeratedParts(guard, PROMPT, new TestShape(lanes), { policy })
    for await (const part of moderating.read(slowly())) {
      parts.push(part)
      if (random() < 0.1) await sleep(0)
    }
    expect(guard.stats().openSequences).toBe(0)
    return parts
  }

  it('releases of each text what moderate does, in order with what stands between, however all is mixed', async () => {
    const random = seeded(7)
    // Of short words: long ones are judged provisionally, and such a block depends on how the text was cut.
    const texts = manyTexts(600, 3).filter((text) => text.split(/\s/u).every((word) => word.length <= 8))
    const outcomes = new Set<string>()
    for (let round = 0; round < 20; round++) {
      const policy = { ...POLICY, consecutive: [1, 2, 4, 8][round % 4] as number }
      const given = new Map(IDS.map((id, i) => [id, texts[round * 3 + i] as string]))
      const expected = new Map<string, Awaited<ReturnType<typeof moderated>>>()
      for (const [id, text] of given) expected.set(id, await moderated(text, policy))
      const source = shuffled(given, random)

      const lanes = await run(source, true, policy, random)
      for (const [id, { text, blocked }] of expected) {
        expect(textOf(lanes, id)).toBe(text)
        expect(lanes.some((part) => 'blocked' in part && part.blocked === id)).toBe(blocked)
      }
      const [first, ...after] = (await run(source, false, policy, random)).reverse()
      const blockedAtAll = [...expected.values()].some(({ blocked }) => blocked)
      expect(first && 'blocked' in first).toBe(blockedAtAll)
      const whole = [...after.reverse(), ...(first && !blockedAtAll ? [first] : [])]
      for (const [id, { text }] of expected) expect(text.startsWith(textOf(whole, id))).toBe(true)

      for (const output of [lanes, whole]) {
        for (const [at, part] of output.entries()) {
          if (!('mark' in part)) continue
          const before = source.slice(0, source.indexOf(part))
          for (const [id, { text, blocked }] of expected) {
            const sent = textOf(output.slice(0, at), id)
            const came = text.slice(0, wholeLength(text, textOf(before, id).length))
            expect(sent).toBe(blocked ? text.slice(0, Math.min(text.length, came.length)) : came)
          }
        }
      }
      outcomes.add(blockedAtAll ? 'blocked' : 'passed')
    }
    expect(outcomes.size).toBe(2)
  })

  it('keeps nothing open when it was made and never read', async () => {
    const moderating = new ModeratedParts(guard, PROMPT, new TestShape(false), {})
    moderating.start()
    await moderating.return()
    expect(guard.stats().openSequences).toBe(0)
    expect(await moderating.next()).toEqual({ done: true, value: undefined })
  })

  it('fails with what a source holds that it cannot take apart, after what came before', async () => {
    const shape = new TestShape(false)
    const broken: Shape<Part> = {
      split: (part) => {
        if ('mark' in part) throw new TypeError('no such part')
        return shape.split(part)
      },
      blocked: () => shape.blocked(null, undefined),
    }
    const parts: Part[] = []
    const reading = async () => {
      const source = stream<Part>([{ id: 'a', text: 'Some text' }, { mark: 1 }])
      const policy = { ...POLICY, consecutive: 1000 }
      for await (const part of new ModeratedParts(guard, PROMPT, broken, { policy }).read(source))
        parts.push(part)
    }
    await expect(reading()).rejects.toThrow('no such part')
    expect(textOf(parts, 'a')).toBe('Some text')
    expect(guard.stats().openSequences).toBe(0)
  })

  it('fails with what the reader of its events throws, and ends what else is under way', async () => {
    let stopped = false
    async function* source(): AsyncGenerator<Part> {
      try {
        yield* [
          { id: 'a', text: 'Some text ' },
          { id: 'b', text: 'and some more ' },
        ]
        await sleep(20)
        yield { id: 'a', text: 'and still more' }
      } finally {
        stopped = true
      }
    }
    let prompts = 0
    const onEvent = () => {
      prompts += 1
      if (prompts === 2) throw new Error('no events, please')
    }
    const moderating = new ModeratedParts(guard, PROMPT, new TestShape(true), { policy: POLICY, onEvent })
    await expect(collect(moderating.read(source()))).rejects.toThrow('no events, please')
    expect(guard.stats().openSequences).toBe(0)
    await expect.poll(() => stopped).toBe(true)
  })
})
