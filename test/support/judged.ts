import { expect } from 'vitest'
import type { Moderation, PromptVerdict, TokenVerdict } from '../../lib/index.js'

export interface Judged {
  prompt: PromptVerdict
  tokens: TokenVerdict[]
}

export function numbers({ prompt, tokens }: Judged): number[] {
  return [prompt, ...tokens].flatMap(({ probabilities, categories }) => [
    ...Object.values(probabilities),
    ...Object.values(categories),
  ])
}

export function labels({ prompt, tokens }: Judged) {
  return [[prompt.safety, prompt.category], ...tokens.map(({ probabilities, categories, ...rest }) => rest)]
}

export function expectSame(actual: Judged, expected: Judged): void {
  expect(labels(actual)).toEqual(labels(expected))
  const wanted = numbers(expected)
  numbers(actual).forEach((number, i) => {
    expect(Math.abs(number - (wanted[i] as number))).toBeLessThan(1e-5)
  })
}

/** Pushes a reply in pieces and ends it. */
export async function finish(moderation: Moderation, reply: string): Promise<Judged> {
  const tokens: TokenVerdict[] = []
  for (let at = 0; at < reply.length; at += 7)
    tokens.push(...(await moderation.push(reply.slice(at, at + 7))))
  tokens.push(...(await moderation.end()).rest)
  return { prompt: moderation.prompt, tokens }
}

export async function* pieces(text: string): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += 5) yield text.slice(at, at + 5)
}
