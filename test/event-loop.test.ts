import { describe, expect, it } from 'vitest'
import { atOnceOrLater, type Steps, settled } from '../lib/event-loop.js'

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
})
