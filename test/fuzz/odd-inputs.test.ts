// Inputs that no type allows.
import { describe, expect, it } from 'vitest'
import { toMessages } from '../../lib/input.js'
import type { Input } from '../../lib/types.js'

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable([], {})
  revoke()
  return proxy
}
const throwing = () =>
  new Proxy([], {
    get() {
      throw new Error('no')
    },
  })
const long = (length: unknown) =>
  new Proxy([], { get: (_list, key) => (key === 'length' ? length : undefined) })

describe('a list of messages that is none', () => {
  it.each([
    ['a revoked proxy', revoked, /^The messages cannot be read: /],
    ['a proxy that throws', throwing, /^The messages cannot be read: no$/],
    ['a length that is no number', () => long('many'), /with a length of 0 and more, got 'many'/],
    ['a negative length', () => long(-1), /with a length of 0 and more, got number/],
  ])('%s is a TypeError that says so', (_name, make, message) => {
    const read = () => toMessages(make() as Input, ['user'])
    expect(read).toThrow(TypeError)
    expect(read).toThrow(message)
  })
})
