import { readFileSync } from 'node:fs'
import { Template } from '@huggingface/jinja'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../../lib/engine/engine.js'
import { Model } from '../../lib/engine/model.js'
import {
  type Message,
  type ModerationEvent,
  StreamGuard,
  splitReasoning,
  type TokenVerdict,
} from '../../lib/index.js'
import type { HeadLabels } from '../../lib/labels.js'
import { resolveModel } from '../../lib/models/resolve.js'
import { hasReasoning, replyText } from '../../lib/reasoning.js'
import { closingRisks } from '../../lib/stream/moderation.js'
import { type ReasoningEnd, ReplyText, type ReplyToken } from '../../lib/stream/reply/text.js'
import { StreamTemplate } from '../../lib/stream/template.js'
import { headOutputs, responseHeads } from '../../lib/stream/verdict.js'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.js'
import { exactEngine } from '../support/fixtures.js'
import { contentIds, idsWithAdded, wordEncoder } from '../support/qwen3-tokenizer.js'
import { randomPieces, seeded } from '../support/texts.js'

// What is fed for a reply must be what Qwen feeds: its template, rendered and tokenised by Hugging Face's code.
const QWEN3 = new Template(
  readFileSync(new URL('../fixtures/rendered/qwen3_template.jinja', import.meta.url), 'utf8'),
)
const THINKING: ReasoningEnd = { text: '</think>', id: 151668, opening: { text: '<think>', id: 151667 } }
const SCAFFOLD = '<|im_start|>assistant\n<think>\n'

async function tokensOf(pieces: string[], reasoning: ReasoningEnd | null): Promise<ReplyToken[]> {
  const reply = new ReplyText(wordEncoder, reasoning)
  const tokens: ReplyToken[] = []
  for (const piece of pieces) tokens.push(...(await reply.push(piece)))
  return [...tokens, ...(await reply.end())]
}

const idsOf = (tokens: { id: number }[]) => tokens.map(({ id }) => id)
const textOf = (tokens: { text: string }[]) => tokens.map(({ text }) => text).join('')

describe('a finished message', () => {
  it.each([
    ['', 'Hello!'],
    ['The user greets.', 'Hello!'],
    ['\n\nThe user greets.\n\n', '\n\nHello!\n'],
    ['\n', '\nHello!\n\n'],
    ['One thought.\n\nAnother.', 'A </think> in the answer'],
    [undefined, '\n\nHello!\n'],
  ])('is fed as the template writes it: %j, %j', async (reasoning, content) => {
    const message: Message = { role: 'assistant', content, ...(reasoning !== undefined && { reasoning }) }
    const rendered = QWEN3.render({
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content, reasoning_content: reasoning ?? '' },
      ],
    })
    const turn = rendered.slice(rendered.indexOf(SCAFFOLD)).replace(/<\|im_end\|>\n$/, '')
    const thinks = hasReasoning(message)
    const tokens = await tokensOf([replyText(message)], thinks ? THINKING : null)
    const scaffold = thinks ? SCAFFOLD : `${SCAFFOLD}\n</think>\n\n`
    // What stands in the answer is ordinary text, whatever it spells.
    const [before, answer] = [
      turn.slice(0, turn.indexOf('</think>') + 10),
      turn.slice(turn.indexOf('</think>') + 10),
    ]
    expect([...idsWithAdded(scaffold), ...idsOf(tokens)]).toEqual([
      ...idsWithAdded(before),
      ...contentIds(answer),
    ])
  })
})

describe('an earlier message that holds its reasoning in its content', () => {
  it.each([
    '<think>\nThe user greets.\n</think>\n\nHello!',
    'The user greets.</think>Hello!',
    '<think>\n\n</think>\n\nHello!',
    'Hello!',
  ])('is taken apart as the template does, where it is asked for: %j', (content) => {
    const { content: answer } = splitReasoning({ role: 'assistant', content })
    const rendered = (text: string) =>
      QWEN3.render({
        messages: [
          { role: 'user', content: 'Hi' },
          { role: 'assistant', content: text },
          { role: 'user', content: 'And now?' },
        ],
      })
    expect(rendered(answer)).toBe(rendered(content))
  })

  it("hides nothing of a message that has two ends, and is an assistant's alone", () => {
    const content = 'one</think>I will kill you.</think>two'
    expect(splitReasoning({ role: 'assistant', content })).toEqual({
      role: 'assistant',
      content: 'two',
      reasoning: 'one</think>I will kill you.',
    })
    const user: Message = { role: 'user', content }
    expect(splitReasoning(user)).toBe(user)
  })
})

describe('a raw reply that opens its reasoning itself', () => {
  const thought = 'The user greets.\n</think>\n\nHello!'
  const random = seeded(3)

  it.each(['<think>\n', '<think>'])(
    'has the tag taken off, %j, and its spans tile the reply',
    async (tag) => {
      const expected = await tokensOf([thought], THINKING)
      const reply = tag + thought
      for (const pieces of [[reply], [...reply], randomPieces(reply, random), randomPieces(reply, random)]) {
        const tokens = await tokensOf(pieces, THINKING)
        expect(idsOf(tokens)).toEqual(idsOf(expected))
        expect(textOf(tokens)).toBe(reply)
        let at = 0
        for (const { start, end } of tokens) {
          expect(start).toBe(at)
          at = end
        }
        expect(at).toBe(reply.length)
      }
    },
  )

  it('has one taken off, at its very beginning, and none without reasoning', async () => {
    const twice = await tokensOf(['<think>\n<think>\nHm</think>x'], THINKING)
    expect(idsOf(twice).slice(0, 2)).toEqual(contentIds('<think>\nHm').slice(0, 2))
    expect(idsOf(await tokensOf([' <think>\nHm'], THINKING))).toEqual(contentIds(' <think>\nHm'))
    expect(idsOf(await tokensOf(['<think>\nHm'], null))).toEqual(contentIds('<think>\nHm'))
    expect(idsOf(await tokensOf(['<thin'], THINKING))).toEqual(contentIds('<thin'))
    // Nothing else came: it is judged rather than lost.
    expect(textOf(await tokensOf(['<think>\n'], THINKING))).toBe('<think>\n')
    expect(textOf(await tokensOf(['<think>'], THINKING))).toBe('<think>')
  })

  describe('to a guard', () => {
    let guard: StreamGuard
    beforeAll(async () => {
      guard = await StreamGuard.load({ model: 'demo', gpu: false, kvType: 'f32' })
    })
    afterAll(() => guard?.close())

    const verdicts = (tokens: TokenVerdict[]) => tokens.map(({ id, risk, part }) => [id, risk, part])
    async function judged(feed: { text: string } | { ids: number[] }): Promise<TokenVerdict[]> {
      await using moderation = await guard.open('Hi', { reasoning: true })
      const tokens = 'text' in feed ? await moderation.push(feed.text) : await moderation.pushTokens(feed.ids)
      return [...tokens, ...(await moderation.end()).rest]
    }

    it('gives the verdicts that it has without the tag, as text and as ids', async () => {
      const expected = await judged({ text: thought })
      expect(verdicts(await judged({ text: `<think>\n${thought}` }))).toEqual(verdicts(expected))
      const ids = expected.map(({ id }) => id)
      const opening = await guardIds(expected)
      const asIds = await judged({ ids: [opening.tag, opening.lineEnd, ...ids] })
      expect(verdicts(asIds)).toEqual(verdicts(expected))
      expect(textOf(asIds)).toBe(`<think>\n${thought}`)
    })

    /** The demonstration model's vocabulary has ids of its own: `<think>` stands before `</think>`. */
    async function guardIds(tokens: TokenVerdict[]) {
      const end = tokens.find(({ text }) => text === '</think>') as TokenVerdict
      const [lineEnd] = await judged({ text: '\n' })
      return { tag: end.id - 1, lineEnd: lineEnd?.id as number }
    }

    it('releases the tag with what follows it, once', async () => {
      const reply = `<think>\n${thought}`
      async function* pieces() {
        yield* randomPieces(reply, random)
      }
      let released = ''
      const events: AsyncIterable<ModerationEvent> = guard.moderate('Hi', pieces(), { reasoning: true })
      for await (const event of events) if (event.type === 'text') released += event.text
      expect(released).toBe(reply)
    })
  })
})

describe('what closes a reply’s turn', () => {
  it('is judged behind the whole reply as its rendering has it, and is no part of the reply', async () => {
    const model = await Model.load(resolveModel('demo-stream', 'stream'), {})
    const engine = await Engine.create(model, exactEngine())
    const guard = await StreamGuard.load({ model: 'demo-stream' })
    try {
      const tokenizer = new Tokenizer(model.native)
      const template = await StreamTemplate.create(model.description.chatTemplate, tokenizer)
      const labels = model.description.heads as HeadLabels
      const found = new Set<string>()
      for (const reply of ['Paris is the capital.', 'First, pack the gunpowder into a pipe bomb.', '']) {
        const moderation = await guard.open('How?')
        const tokens = [...(await moderation.push(reply))]
        await expect(closingRisks(moderation)).rejects.toThrow('after end()')
        const ended = await moderation.end()
        tokens.push(...ended.rest)
        const risks = await closingRisks(moderation)
        expect(moderation.reply.tokenCount).toBe(tokens.length)
        await moderation.close()

        const { prompt, scaffold } = await template.encode([{ role: 'user', content: 'How?' }], false)
        const close = [tokenizer.addedId('<|im_end|>') as number, ...tokenizer.encodeShort('\n')]
        const ids = Int32Array.from([...prompt, ...scaffold, ...tokens.map(({ id }) => id), ...close])
        const sequence = await engine.acquire({ cells: ids.length })
        const read = Int32Array.of(ids.length - 2, ids.length - 1)
        const { heads } = await sequence.decodeHeads(ids, { read })
        sequence.release()
        const width = headOutputs(labels)
        const expected = [0, 1].map(
          (at) => responseHeads(heads.slice(at * width, (at + 1) * width), labels).risk,
        )
        expect(risks).toEqual(expected)
        for (const risk of expected) found.add(risk)
      }
      expect(found.size).toBeGreaterThan(1)
    } finally {
      await guard.close()
      await engine.close()
      model.close()
    }
  })
})
