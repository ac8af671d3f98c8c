import { describe, expect, it } from 'vitest'
import { atOnceOrLater, type Begin, begun, promised, type Steps, settled } from '../lib/event-loop.js'

function* sum(values: readonly (number | Promise<number>)[]): Steps<number> {
  let total = 0
  for (const value of values) total += yield* settled(value)
  return total
}

describe('steps', () => {
  it('are done at once where they wait for nothing, and later where they do', async () => {
    expect(atOnceOrLater(sum([1, 2, 3]))).toBe(6)
    const later = atOnceOrLater(sum([1, Promise.resolve(2), 3, Promise.resolve(4)]))
    expect(later).toBeInstanceOf(Promise)
    expect(await later).toBe(10)
  })

  it('fail with what they throw, and can catch what they wait for', async () => {
    const failing = () => Promise.reject(new Error('no number'))
    await expect(atOnceOrLater(sum([1, failing(), 3]))).rejects.toThrow('no number')
    const seen: string[] = []
    function* careful(): Steps<number> {
      try {
        return yield* sum([1, failing()])
      } catch (error) {
        seen.push((error as Error).message)
        return yield* sum([7, Promise.resolve(1)])
      } finally {
        seen.push('over')
      }
    }
    expect(await atOnceOrLater(careful())).toBe(8)
    expect(seen).toEqual(['no number', 'over'])
    function* broken(): Steps<number> {
      yield* settled(0)
      throw new Error('at once')
    }
    expect(() => atOnceOrLater(broken())).toThrow('at once')
  })

  it('begin work when they come to it, and go on where it is done, at once or later', async () => {
    const order: string[] = []
    const work = (name: string, end: (done: () => void) => void): Begin<string> => {
      return (done) => {
        order.push(`begins ${name}`)
        end(() => {
          order.push(`ends ${name}`)
          done(name)
        })
      }
    }
    function* both(): Steps<string> {
      const one = yield* begun(work('one', (done) => done()))
      const two = yield* begun(work('two', (done) => setImmediate(done)))
      return `${one}, ${two}`
    }
    const all = promised(both)
    expect(order).toEqual(['begins one', 'ends one', 'begins two'])
    expect(await all).toBe('one, two')
    expect(order.at(-1)).toBe('ends two')
  })

  it('fail where work that they begin fails or throws, at once or later, and end what they hold', async () => {
    const failures: Begin<never>[] = [
      (_, failed) => failed(new Error('failed')),
      (_, failed) => setImmediate(failed, new Error('failed')),
      () => {
        throw new Error('failed')
      },
    ]
    let ended = 0
    function* held(work: Begin<never>): Steps<never> {
      try {
        return yield* begun(work)
      } finally {
        ended += 1
      }
    }
    for (const work of failures) await expect(promised(() => held(work))).rejects.toThrow('failed')
    expect(ended).toBe(failures.length)
    const thrown = () => {
      throw new Error('before any step')
    }
    await expect(promised(thrown)).rejects.toThrow('before any step')
    expect(await promised(() => sum([1, 2]))).toBe(3)
  })
})
