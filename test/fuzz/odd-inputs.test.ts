// Inputs that no type allows.
import { describe, expect, it } from 'vitest'
import { TooLongError } from '../../lib/errors.js'
import { toMessages } from '../../lib/input.js'
import { rowsOfSource } from '../../lib/queue/batch-source.js'
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

const endless = (element: unknown) =>
  new Proxy([], { get: (_list, key) => (key === 'length' ? Number.MAX_SAFE_INTEGER : element) })

describe('a list that never ends', () => {
  it('of messages, or of the parts of one, is refused by its length', () => {
    const messages = endless({ role: 'user', content: 'x' }) as unknown as Input
    expect(() => toMessages(messages, ['user'])).toThrow(TooLongError)
    const content = endless({ type: 'text', text: 'x' })
    expect(() => toMessages([{ role: 'user', content }] as unknown as Input, ['user'])).toThrow(
      /^Message 0 cannot be read: its content has 9007199254740991 parts/,
    )
  })
})

describe('a row of a queue that is none', () => {
  const cycle: Record<string, unknown> = {}
  cycle.itself = cycle
  const sparse: unknown[] = []
  sparse.length = 4_294_967_295
  const getter = {
    get prompt() {
      throw undefined
    },
  }
  it.each([
    ['a cycle', cycle, /^Row 1 cannot be read: it holds itself/],
    ['a huge sparse list', { prompt: sparse }, /^Row 1 cannot be read: it has a list of 4294967295 elements/],
    ['a getter that throws nothing', getter, /^Row 1 cannot be read: undefined/],
    ['a symbol', Symbol('x'), /^Expected row 1 to be an object, got symbol/],
  ])('%s is a TypeError that says so', async (_name, row, message) => {
    const first = async (source: Iterable<object>) => {
      const { rows } = await rowsOfSource(source, {})
      return await rows[Symbol.asyncIterator]().next()
    }
    await expect(first([row as object])).rejects.toThrow(TypeError)
    await expect(first([row as object])).rejects.toThrow(message)
    // A list as long as lists can be is not looked through for names of files.
    await expect(first(sparse as object[])).rejects.toThrow(/^Expected row 1 to be an object, got undefined/)
  })
})
