import { InputError } from '../data/input-error.js'
import type { Message } from '../index.js'
import { toMessages } from '../input.js'

/** One prompt, and the reply to it if there is one. */
export function exchange(prompt: string, response?: string): Message[] {
  const messages: Message[] = [{ role: 'user', content: prompt }]
  if (response !== undefined) messages.push({ role: 'assistant', content: response })
  return messages
}

/** Checks a JSON array of messages. Throws InputError, or TypeError naming the message that is wrong. */
export function parseMessages(value: unknown): Message[] {
  if (!Array.isArray(value)) {
    throw new InputError(`expected a JSON array of messages, got ${shown(value)}`)
  }
  return toMessages(value, ['user', 'assistant'])
}

/**
 * The conversation of one batch row: `prompt` and maybe `response`, or `messages`. A field that is
 * null counts as absent. Throws InputError or TypeError.
 */
export function parseRow(row: Record<string, unknown>): Message[] {
  const { prompt, response, messages } = row
  if (isGiven(messages)) {
    if (isGiven(prompt) || isGiven(response)) {
      throw new InputError('expected `messages`, or `prompt` and maybe `response`: the row has both')
    }
    return parseMessages(messages)
  }
  if (typeof prompt !== 'string') {
    throw new InputError(
      `expected \`prompt\` to be a string (or \`messages\`, an array), got ${shown(prompt)}`,
    )
  }
  if (isGiven(response) && typeof response !== 'string') {
    throw new InputError(`expected \`response\` to be a string, got ${shown(response)}`)
  }
  return exchange(prompt, response ?? undefined)
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isGiven(value: unknown): value is NonNullable<unknown> {
  return value !== undefined && value !== null
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const json = JSON.stringify(value)
  return json.length > 60 ? `${json.slice(0, 60)}…` : json
}
