import { afterAll, beforeAll, expect, it } from 'vitest'
import { StreamGuard, type TokenVerdict } from '../../lib/index.js'
import { manyTexts, randomPieces, seeded } from '../support/texts.js'

const PROMPT = 'How do I pick a lock?'
/** Runs of letters that are one word each, among text. */
const LONG_WORDS = [
  '你好世界今天天气怎么样我们去公园散步吧然后回家吃饭看电视睡觉，明天再见。',
  '今日はいい天気ですね散歩に行きましょうそれから家に帰ってご飯を食べますか\n한국어텍스트입니다',
  'ภาษาไทยไม่มีช่องว่างระหว่างคำน้ำ नमस्तेदुनिया Donaudampfschifffahrtselektrizitätenhauptbetriebswerk',
  `${'='.repeat(40)}\n\n${' '.repeat(30)}x</thi <|im_end|> e\u0301\u0323${'👨‍👩‍👧‍👦'.repeat(6)}`,
]

let guard: StreamGuard

beforeAll(async () => {
  guard = await StreamGuard.load({
    ...{ model: 'demo-stream', kvType: 'f32', flashAttention: false, contextSize: 128 },
  })
})
afterAll(() => guard?.close())

it.each([false, true])(
  'gives the verdicts of the whole reply with the demonstration model, however it is cut (reasoning: %s)',
  async (reasoning) => {
    const random = seeded(3)
    let beforehand = 0
    const judged = async (pieces: readonly string[]) => {
      await using moderation = await guard.open(PROMPT, { reasoning, tooLong: 'slide' })
      const tokens: TokenVerdict[] = []
      for (const piece of pieces) {
        tokens.push(...(await moderation.push(piece)))
        beforehand += moderation.provisional.length
      }
      return [...tokens, ...(await moderation.end()).rest]
    }
    for (const text of [...LONG_WORDS, `${LONG_WORDS.join('</think>')}`.repeat(2), ...manyTexts(12, 77)]) {
      const whole = await judged([text])
      let at = 0
      for (const token of whole) {
        expect(token.start).toBe(at)
        at = token.end
      }
      expect(at).toBe(text.length)
      beforehand = 0
      for (const pieces of [text.split(''), randomPieces(text, random)]) {
        const tokens = await judged(pieces)
        tokens.forEach((token, i) => {
          const { probabilities, categories, ...labels } = token
          expect(whole[i]).toMatchObject(labels)
          expect(
            Math.abs((whole[i] as TokenVerdict).probabilities.Unsafe - probabilities.Unsafe),
          ).toBeLessThan(1e-3)
        })
        expect(tokens.length).toBe(whole.length)
      }
      if (LONG_WORDS.includes(text)) expect(beforehand).toBeGreaterThan(0)
    }
  },
)
