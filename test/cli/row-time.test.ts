import { describe, expect, it } from 'vitest'
import { reproducible } from '../../lib/batch/reproducible.js'
import { withinTime } from '../../lib/batch/row-time.js'

describe('the time of a row', () => {
  it('gives up what never ends, whether it listens or not', async () => {
    const { signal } = new AbortController()
    let told: unknown
    const deaf = withinTime(20, signal, (own) => {
      own.addEventListener('abort', () => (told = own.reason))
      return new Promise(() => {})
    })
    await expect(deaf).rejects.toMatchObject({ name: 'RowTimeoutError', code: 'ERR_ROW_TIMEOUT' })
    expect(told).toMatchObject({ code: 'ERR_ROW_TIMEOUT' })
  })

  it('leaves what is done in time, fails or has no limit as it is', async () => {
    const { signal } = new AbortController()
    expect(await withinTime(60_000, signal, async () => 1)).toBe(1)
    expect(await withinTime(undefined, signal, async () => 2)).toBe(2)
    await expect(withinTime(60_000, signal, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  })
})

it('a row says nothing of how its verdict was come by', () => {
  const usage = { promptTokens: 3, cachedTokens: 2, passes: 1, ms: 4, uncertain: false }
  expect(reproducible({ safety: 'Safe', usage })).toEqual({
    safety: 'Safe',
    usage: { promptTokens: 3, uncertain: false },
  })
})
