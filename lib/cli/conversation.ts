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

function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const json = JSON.stringify(value)
  return json.length > 60 ? `${json.slice(0, 60)}…` : json
}
