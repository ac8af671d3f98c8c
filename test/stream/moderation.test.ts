import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TooLongError } from '../../lib/errors.js'
import { Moderation } from '../../lib/stream/moderation.js'
import type { ReplyTooLong } from '../../lib/stream/reply/cache.js'
import { promptVerdict, responseHeads, type TokenVerdict } from '../../lib/stream/verdict.js'
import { wellFormed } from '../../lib/tokenizer/pre-tokens.js'
import type { Tokenizer } from '../../lib/tokenizer/tokenizer.js'
import { contentIds, tokenLengths, wordEncoder } from '../support/qwen3-tokenizer.js'
import { LABELS, logitsAfter, SimulatedSequence, WIDTH } from '../support/simulated-sequence.js'

const PROMPT = [1, 2, 3]
const SCAFFOLD = [4, 5, 6]
const ANSWER_SCAFFOLD = [4, 5, 6, 7, 8]
const THINK_END = 151668

/** Qwen3's vocabulary, run by Hugging Face's code. */
const tokenizer = {
  ...wordEncoder,
  longest: tokenLengths.reduce((most, length) => Math.max(most, length)),
  addedId: (spelling: string) => (spelling === '</think>' ? THINK_END : undefined),
} as unknown as Tokenizer

interface Simulation {
  capacity?: number
  reasoning?: boolean
  tooLong?: ReplyTooLong
}

const ROOMY = 4096

function open({ capacity = ROOMY, reasoning = false, tooLong = 'error' }: Simulation = {}) {
  const sequence = new SimulatedSequence(PROMPT, capacity)
  const moderation = new Moderation({
    prompt: promptVerdict(new Float32Array(WIDTH), LABELS),
    usage: { promptTokens: PROMPT.length, cachedTokens: 0 },
    sequence,
    scaffold: Int32Array.from(SCAFFOLD),
    answerScaffold: Int32Array.from(reasoning ? ANSWER_SCAFFOLD : SCAFFOLD),
    tokenizer,
    labels: LABELS,
    reasoning,
    tooLong,
    signal: undefined,
    release: () => {},
  })
  return { sequence, moderation }
}

/** The verdicts of a reply that comes in these pieces. */
async function judged(
  pieces: readonly string[],
  { capacity = ROOMY, tooLong = 'error', reasoning = false }: Simulation = {},
): Promise<TokenVerdict[]> {
  const { moderation } = open({ capacity, tooLong, reasoning })
  const tokens: TokenVerdict[] = []
  let pushed = 0
  for (const piece of pieces) {
    pushed += piece.length
    tokens.push(...(await moderation.push(piece)))
    const { provisional } = moderation
    expectProvisional(provisional, tokens)
    if (capacity < ROOMY && tooLong === 'error') continue
    // What nobody has looked at is a few characters, and what cannot be looked at: half of one, half a spelling.
    const finalEnd = tokens.at(-1)?.end ?? 0
    const waiting = pushed - (provisional.at(-1)?.end ?? finalEnd)
    expect(waiting).toBeLessThanOrEqual(Math.max(16, (pushed - finalEnd) / 16) + '</think'.length)
  }
  const { rest, ...reply } = await moderation.end()
  expect(moderation.provisional).toEqual([])
  tokens.push(...rest)
  expect(tokens.map((token) => token.index)).toEqual(tokens.map((_, i) => i))
  expect(reply).toMatchObject({ tokenCount: tokens.length, complete: true })
  return tokens
}

/** Provisional verdicts go on from the final ones, and are what the guard says of just these ids. */
function expectProvisional(provisional: readonly TokenVerdict[], final: readonly TokenVerdict[]): void {
  const all = [...final, ...provisional]
  let end = final.at(-1)?.end ?? 0
  for (const token of provisional) {
    expect(token.start).toBe(end)
    end = token.end
    expect(all[token.index]).toBe(token)
    if (token.contextStart === undefined && token.part === 'answer' && final[0]?.part === 'answer') {
      const ids = all.slice(0, token.index + 1).map(({ id }) => id)
      expect(token).toMatchObject(responseHeads(logitsAfter([...PROMPT, ...SCAFFOLD, ...ids]), LABELS))
    }
  }
}

function expectTiling(tokens: readonly TokenVerdict[], text: string): void {
  let at = 0
  for (const token of tokens) {
    expect(token.start).toBe(at)
    expect(token.text).toBe(wellFormed(text.slice(token.start, token.end)))
    at = token.end
  }
  expect(at).toBe(text.length)
}

const HARD_PIECES = [
  ...['</think>', '</th', 'ink>', '</', '<think>', '<|im_end|>', '<|im_', 'end|>', '<|im_start|>assistant\n'],
  ...[
    '👨‍👩‍👧‍👦',
    '\u200d',
    '👩',
    '\ud83d',
    '\ude00',
    '🏳️‍🌈',
    '🇩🇪',
    '🇫',
    '❤️‍🔥',
    '1️⃣',
    '\ufe0f',
    '🫱🏻‍🫲🏿',
    '𠜎',
    '𓀀',
  ],
  ...[
    'e\u0301',
    '\u0301',
    'q\u0323\u0307',
    '\u0307',
    '=\u0338',
    '\u0344',
    'か\u3099',
    'x\u0301\u0317\u0341',
    '\u0f73',
  ],
  ...['\u1112\u1161\u11ab', '\u1161', '\u11a8', '각', '가', '한국어텍스트입니다'],
  ...['你好世界今天天气怎么样我们去公园散步吧', '今日はいい天気ですね散歩に行きましょう', '长', '的。'],
  ...['ภาษาไทยไม่มีช่องว่างระหว่างคำน้ำ', 'नमस्तेदुनियाक़ानूनज़रूरीहै', 'مرحبابالعالم', 'בְּרֵאשִׁית'],
  ...[' ', '  ', '\n', '\r\n', '\r', '\t', '\u3000', '\u2028', '\u0085', '                    '],
  ...[
    'Here are some practical meth',
    'ods',
    "'ll",
    "'",
    'ſ',
    'S',
    '1234567890',
    '====================',
    '...',
    '\n\n\n',
  ],
  ...[
    'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
    'a',
    'aaaaaaaaaaaaaaaaaaaa',
  ],
  ...['\ufffd', '\u0000', '\ufeff', '', 'ａ', 'ﬁ', 'Å', '\u212b'],
]

const hardText = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...HARD_PIECES) },
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    {
      maxLength: 24,
    },
  )
  .map((pieces) => pieces.join(''))

const cuts = fc.array(fc.oneof(fc.nat(3), fc.nat(30)), { minLength: 1, maxLength: 60 })

/** The text in pieces of these lengths, over and over; some are empty. */
function cut(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = []
  for (let at = 0, i = 0; at < text.length; i++) {
    // Rounds of nothing but empty pieces would not end.
    const length = Math.max(lengths[i % lengths.length] as number, i < 200 ? 0 : 1)
    pieces.push(text.slice(at, at + length))
    at += length
  }
  return pieces
}

describe('Moderation', () => {
  it.each([
    ['a reply', {}],
    ['a reply with reasoning', { reasoning: true }],
    ['a reply that slides', { capacity: 48, tooLong: 'slide' }],
    ['a reply with reasoning that slides', { capacity: 44, tooLong: 'slide', reasoning: true }],
  ] as [string, Simulation][])(
    'gives the ids, verdicts and offsets of the whole text, however it is cut: %s',
    async (_, simulation) => {
      await fc.assert(
        fc.asyncProperty(hardText, cuts, async (text, lengths) => {
          const whole = await judged([text], simulation)
          expectTiling(whole, text)
          const ends = simulation.reasoning ? text.indexOf('</think>') : -1
          expect(whole.map((token) => token.id)).toEqual(
            ends < 0
              ? contentIds(wellFormed(text))
              : [
                  ...contentIds(wellFormed(text.slice(0, ends))),
                  THINK_END,
                  ...contentIds(wellFormed(text.slice(ends + 8))),
                ],
          )
          expect(await judged(cut(text, lengths), simulation)).toEqual(whole)
          expect(await judged(text.split(''), simulation)).toEqual(whole)
        }),
        { numRuns: 120, seed: 17 },
      )
    },
    120_000,
  )

  it('judges each token behind the prompt, the scaffold and the tokens before it', async () => {
    const text = 'One two three 你好世界今天天气怎么样我们去公园散步吧 four.'
    const tokens = await judged(text.split(''))
    const ids = contentIds(text)
    expect(tokens).toEqual(
      tokens.map((token, i) => ({
        ...token,
        ...responseHeads(logitsAfter([...PROMPT, ...SCAFFOLD, ...ids.slice(0, i + 1)]), LABELS),
      })),
    )
  })

  it('judges beforehand what is held back, once more than a few characters are', async () => {
    const { moderation, sequence } = open()
    const run = '你好世界今天天气怎么样我们去公园散步吧然后再回家吃饭看电视睡觉'
    let judgedTo = 0
    let changes = 0
    for (let i = 0; i < run.length; i++) {
      const before = moderation.provisional
      expect(await moderation.push(run.charAt(i))).toEqual([])
      judgedTo = moderation.provisional.at(-1)?.end ?? 0
      expect(i + 1 - judgedTo).toBeLessThanOrEqual(16)
      if (moderation.provisional !== before) changes += 1
      expect(moderation.reply).toMatchObject({ tokenCount: 0, complete: false })
    }
    expect(changes).toBe(1)
    const provisional = moderation.provisional
    const requests = sequence.requests.length
    const { rest } = await moderation.end()
    expect(rest.map((token) => token.id)).toEqual(contentIds(run))
    // What was judged beforehand and has not changed is not decoded again.
    const same = rest.findIndex(({ id }, i) => id !== provisional[i]?.id)
    expect(same).toBeGreaterThan(5)
    expect(rest.slice(0, same)).toEqual(provisional.slice(0, same))
    expect(sequence.requests.slice(requests).map(({ tokens }) => tokens)).toEqual([
      rest.slice(same).map((token) => token.id),
    ])
  })

  it('keeps what it judged beforehand when it was right, and decodes nothing for it again', async () => {
    const { moderation, sequence } = open()
    await moderation.push('========================')
    const provisional = moderation.provisional
    expect(provisional.length).toBeGreaterThan(0)
    const requests = sequence.requests.length
    const { rest } = await moderation.end()
    expect(rest).toEqual(provisional)
    expect(sequence.requests.length).toBe(requests)
  })

  it('takes back what it judged beforehand of a spelling that turns out to be </think>', async () => {
    const { moderation } = open({ reasoning: true })
    const thought = '你好世界今天天气怎么样我们去公园散步吧'
    await moderation.push(`${thought}</thin`)
    // Half a spelling waits.
    expect(moderation.provisional.at(-1)?.end).toBe(thought.length)
    const tokens = await moderation.push('k>')
    expect(tokens.at(-1)).toMatchObject({ id: THINK_END, text: '</think>', part: 'reasoning' })
    expect(moderation.provisional).toEqual([])
  })

  it('stays near linear on a run without end', async () => {
    const decoded = async (length: number) => {
      const { moderation, sequence } = open({ capacity: 1e6 })
      for (const character of '今天天气真好'.repeat(length / 6)) await moderation.push(character)
      return sequence.requests.reduce((sum, { tokens }) => sum + tokens.length, 0)
    }
    // Each id once, and the last few again when they change.
    const ids = contentIds('今天天气真好'.repeat(400)).length
    expect(await decoded(2400)).toBeLessThan(ids * 1.25)
  })

  it('fits a reply of exactly the room there is, however it is cut, and refuses one token more', async () => {
    const before = PROMPT.length + SCAFFOLD.length
    await fc.assert(
      fc.asyncProperty(hardText, cuts, async (text, lengths) => {
        const whole = await judged([text])
        if (whole.length < 2) return
        for (const pieces of [[text], cut(text, lengths), text.split('')]) {
          expect(await judged(pieces, { capacity: before + whole.length })).toEqual(whole)
          const { moderation } = open({ capacity: before + whole.length - 1 })
          const came: TokenVerdict[] = []
          const pushing = async () => {
            for (const piece of pieces) came.push(...(await moderation.push(piece)))
            came.push(...(await moderation.end()).rest)
          }
          await expect(pushing()).rejects.toThrow(TooLongError)
          expect(came).toEqual(whole.slice(0, came.length))
          expect(moderation.reply).toMatchObject({ tokenCount: came.length, complete: false })
          expect(moderation.reply.safety).not.toBe('Safe')
          await expect(moderation.push('x')).rejects.toThrow(/failed earlier/)
        }
      }),
      { numRuns: 40, seed: 23 },
    )
  })

  it('judges beforehand only what has room, and does not fail for what need not be final', async () => {
    const before = PROMPT.length + SCAFFOLD.length
    // One token; while it comes in, its beginnings are more.
    const word = ' '.repeat(60)
    expect(contentIds(word).length).toBe(1)
    const { moderation } = open({ capacity: before + 1 })
    for (const space of word) {
      await moderation.push(space)
      expect(moderation.provisional.length).toBeLessThanOrEqual(1)
    }
    expect((await moderation.end()).tokenCount).toBe(1)
  })

  it('says from where the reply was seen, and goes on counting', async () => {
    const text = 'word after word, '.repeat(40)
    const tokens = await judged([text], { capacity: 46, tooLong: 'slide' })
    const room = 40
    let start = 0
    tokens.forEach((token, i) => {
      if (i - start === room) start = i - room / 2
      expect(token.contextStart ?? 0).toBe(start === 0 ? 0 : tokens[start]?.start)
    })
    expect(start).toBeGreaterThan(room)
    const { moderation } = open({ capacity: 46, tooLong: 'slide' })
    await moderation.push(text)
    await moderation.end()
    expect(moderation.contextStart).toBe(tokens[start]?.start)
    // The debounced verdict is over all tokens, not those in view.
    const pair = (risk: string) =>
      tokens.findIndex((token, i) => i > 0 && token.risk === risk && tokens[i - 1]?.risk === risk)
    const at = pair('Unsafe') >= 0 ? pair('Unsafe') : pair('Controversial')
    expect(moderation.reply.at).toBe(at < 0 ? null : at)
  })

  it('goes back across slides, and on from there as if it had never been further', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(200), fc.integer({ min: 1, max: 60 }), async (to, words) => {
        const simulation: Simulation = { capacity: 46, tooLong: 'slide' }
        const { moderation } = open(simulation)
        const first = await moderation.push('some text '.repeat(100))
        moderation.rewind(Math.min(to, first.length))
        const kept = first.slice(0, to)
        const second = await moderation.push(' and more'.repeat(words))
        const { rest } = await moderation.end()
        const text = kept.map((token) => token.text).join('') + ' and more'.repeat(words)
        expect([...kept, ...second, ...rest]).toEqual(await judged([text], simulation))
      }),
      { numRuns: 60, seed: 29 },
    )
  })

  it('fails, and returns nothing unjudged, when decoding the latest part again fails', async () => {
    const { moderation, sequence } = open({ capacity: 46, tooLong: 'slide' })
    const tokens = await moderation.push('word '.repeat(38))
    expect(tokens.every((token) => token.contextStart === undefined)).toBe(true)
    sequence.failsAt = PROMPT.length
    await expect(moderation.push('word '.repeat(10))).rejects.toThrow('fails here')
    sequence.failsAt = null
    await expect(moderation.push('word ')).rejects.toThrow(/failed earlier/)
    await expect(moderation.end()).rejects.toThrow(/failed earlier/)
    expect(moderation.reply).toMatchObject({ complete: false, tokenCount: tokens.length })
    expect(moderation.reply.safety).not.toBe('Safe')
  })

  it('does not keep a run without a break that is longer than any context, sliding or not', async () => {
    for (const tooLong of ['error', 'slide'] as const) {
      const { moderation } = open({ capacity: 46, tooLong })
      const pushing = async () => {
        for (let i = 0; i < 40; i++) await moderation.push('a'.repeat(1000))
      }
      await expect(pushing()).rejects.toThrow(TooLongError)
    }
  })
})
