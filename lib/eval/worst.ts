import type { Message } from '../types.js'
import type { EvalItem } from './item.js'
import type { Judged } from './judged.js'

/** A text that was judged wrong, and by far. */
export interface WorstError {
  kind: 'missed' | 'false alarm'
  file: string
  line: number
  id: string | null
  target: EvalItem['target']
  label: string
  verdict: string
  /** The strict score: P(Unsafe) + P(Controversial). */
  score: number
}

/** With its text, for the report alone. */
export interface ShownError extends WorstError {
  messages: Message[]
  /** Of a reply that Stream judged: its first tokens with their probabilities. */
  tokens: { text: string; unsafe: number; controversial: number }[] | null
}

const MOST_KEPT = 10
const MOST_TOKENS = 400
const MOST_CHARACTERS = 4000

/** Keeps the few errors that are furthest off, and of all others nothing. */
export class WorstErrors {
  readonly #kept: Record<WorstError['kind'], ShownError[]> = { missed: [], 'false alarm': [] }

  add(at: { file: string; line: number }, item: EvalItem, unsafe: boolean, judged: Judged): void {
    // Only what is wrong in the strict reading is missed, and only what is wrong in the loose one a false alarm.
    const kind =
      unsafe && judged.safety === 'Safe'
        ? 'missed'
        : !unsafe && judged.safety === 'Unsafe'
          ? 'false alarm'
          : null
    if (kind === null || item.label === null) return
    const score = judged.score.strict
    const off = (error: WorstError) => (kind === 'missed' ? 1 - error.score : error.score)
    const kept = this.#kept[kind]
    const last = kept.at(-1)
    if (kept.length >= MOST_KEPT && last && off(last) >= (kind === 'missed' ? 1 - score : score)) return
    kept.push({
      kind,
      ...at,
      id: item.id,
      target: item.target,
      label: item.label,
      verdict: [judged.safety, ...judged.categories].join(', '),
      score,
      messages: item.messages.map((message) => ({ ...message, content: cut(message.content) })),
      tokens:
        judged.tokens?.slice(0, MOST_TOKENS).map(({ text, probabilities }) => ({
          text,
          unsafe: probabilities.Unsafe,
          controversial: probabilities.Controversial,
        })) ?? null,
    })
    kept.sort((a, b) => off(b) - off(a))
    kept.splice(MOST_KEPT)
  }

  get all(): ShownError[] {
    return [...this.#kept.missed, ...this.#kept['false alarm']]
  }
}

/** Without the text. */
export function withoutText({ messages: _, tokens: __, ...error }: ShownError): WorstError {
  return error
}

function cut(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text
}
