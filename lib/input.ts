import type { Input, Message } from './types.js'

const ROLES = ['system', 'user', 'assistant']

function shown(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}

/**
 * The messages of an input, checked. Callers in plain JavaScript reach this with anything.
 * @throws TypeError if the input is not a string or a list of messages that ends with one of `lastRoles`.
 */
export function toMessages(input: Input, lastRoles: readonly Message['role'][]): Message[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  if (!Array.isArray(input)) {
    throw new TypeError(`Expected a string or an array of messages, got ${shown(input)}`)
  }
  input.forEach((message: unknown, at) => {
    if (typeof message !== 'object' || message === null) {
      throw new TypeError(`Expected message ${at} to be { role, content }, got ${shown(message)}`)
    }
    const { role, content, reasoning } = message as Record<string, unknown>
    if (typeof role !== 'string' || !ROLES.includes(role)) {
      throw new TypeError(
        `Expected the role of message ${at} to be ${ROLES.map((name) => `'${name}'`).join(', ')}, got ${typeof role === 'string' ? `'${role}'` : shown(role)}`,
      )
    }
    if (typeof content !== 'string') {
      throw new TypeError(`Expected the content of message ${at} to be a string, got ${shown(content)}`)
    }
    if (reasoning !== undefined && typeof reasoning !== 'string') {
      throw new TypeError(`Expected the reasoning of message ${at} to be a string, got ${shown(reasoning)}`)
    }
    if (reasoning !== undefined && role !== 'assistant') {
      throw new TypeError(
        `Message ${at} has reasoning, but only an assistant's message can: its role is '${role}'`,
      )
    }
  })
  const last = input.at(-1)
  if (last === undefined) throw new TypeError('Expected at least one message, got an empty array')
  if (!lastRoles.includes(last.role)) {
    const wanted = lastRoles.map((name) => `'${name}'`).join(' or ')
    throw new TypeError(`Expected the last message to have the role ${wanted}, got '${last.role}'`)
  }
  return input
}
