import type { GenVerdict, Message, PromptVerdict, StreamGuard, TokenVerdict } from '../../lib/index.js'
import { SENTENCES, seeded } from './texts.js'

// Texts that are judged by themselves and beside others, and what must be the same then.

const random = seeded(18)
const pick = (): string => SENTENCES[Math.floor(random() * SENTENCES.length)] as string

/** Texts of one to a dozen sentences. */
export const TEXTS = Array.from({ length: 120 }, () =>
  Array.from({ length: 1 + Math.floor(random() ** 3 * 12) }, pick).join(' '),
)
/** Conversations, of which every other one begins like the one before it. */
export const INPUTS: Message[][] = TEXTS.map((text, i) => {
  const prompt: Message = { role: 'user', content: text }
  if (i % 3 === 0) return [prompt]
  const reply: Message = { role: 'assistant', content: pick() }
  return i % 3 === 1 ? [prompt, reply] : [prompt, reply, { role: 'user', content: pick() }]
})
export const shuffled = <T>(items: readonly T[]): [T, number][] =>
  items
    .map((item, i): [T, number, number] => [item, i, random()])
    .sort((a, b) => a[2] - b[2])
    .map(([item, i]) => [item, i])

export const said = ({ text, scores, usage }: GenVerdict) => ({
  text,
  scores,
  leastMargin: usage.leastMargin,
})

export interface StreamVerdict {
  prompt: PromptVerdict
  tokens: TokenVerdict[]
}

export async function streamed(
  guard: StreamGuard,
  input: Message[],
  deltas: string[],
): Promise<StreamVerdict> {
  const moderation = await guard.open(input)
  try {
    const tokens: TokenVerdict[] = []
    for (const delta of deltas) tokens.push(...(await moderation.push(delta)))
    tokens.push(...(await moderation.end()).rest)
    return { prompt: moderation.prompt, tokens }
  } finally {
    await moderation.close()
  }
}

export function cut(text: string): string[] {
  const deltas: string[] = []
  for (let at = 0; at < text.length; ) {
    const size = 1 + Math.floor(random() ** 2 * 30)
    deltas.push(text.slice(at, at + size))
    at += size
  }
  return deltas
}
