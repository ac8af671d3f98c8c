import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { inOrder } from '../lib/in-order.js'

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

describe('inOrder', () => {
  it('keeps the order of the inputs, works on several at a time and never on more', async () => {
    let working = 0
    let most = 0
    const work = async (n: number) => {
      most = Math.max(most, ++working)
      await sleep(n % 3 === 0 ? 6 : 1)
      working -= 1
      return n * 10
    }
    expect(await collect(inOrder(numbers(20), work, 4, undefined))).toEqual(numbers(20).map((n) => n * 10))
    expect(most).toBe(4)
  })

  it('reads no further ahead than it works', async () => {
    let read = 0
    function* inputs() {
      for (const n of numbers(1000)) {
        read += 1
        yield n
      }
    }
    for await (const n of inOrder(inputs(), async (n) => n, 3, undefined)) {
      expect(read).toBeLessThanOrEqual(n + 4)
      if (n === 5) break
    }
  })

  it('yields a result while the next input is still awaited', async () => {
    async function* inputs() {
      yield 1
      await new Promise(() => {})
    }
    const results = inOrder(inputs(), async (n) => n, 2, undefined)
    expect(await results.next()).toEqual({ value: 1, done: false })
  })

  it('ends with the error of the first input that fails, and aborts what is in work', async () => {
    const aborted: number[] = []
    const work = async (n: number, signal: AbortSignal) => {
      signal.addEventListener('abort', () => aborted.push(n))
      if (n === 2) throw new Error('no verdict')
      await sleep(n > 2 ? 1000 : 1)
      return n
    }
    const results: number[] = []
    await expect(
      (async () => {
        for await (const n of inOrder(numbers(10), work, 4, undefined)) results.push(n)
      })(),
    ).rejects.toThrow('no verdict')
    expect(results).toEqual([0, 1])
    expect(aborted).toContain(3)
  })

  it('rejects with the reason of an abort, and closes the inputs', async () => {
    const controller = new AbortController()
    let closed = false
    function* inputs() {
      try {
        yield* numbers(10)
      } finally {
        closed = true
      }
    }
    setTimeout(() => controller.abort(new Error('enough')), 10)
    const never = () => new Promise<number>(() => {})
    await expect(collect(inOrder(inputs(), never, 2, controller.signal))).rejects.toThrow('enough')
    expect(closed).toBe(true)
  })

  it('passes on what the inputs throw', async () => {
    function* inputs() {
      yield 1
      throw new Error('bad row')
    }
    await expect(collect(inOrder(inputs(), async (n) => n, 1, undefined))).rejects.toThrow('bad row')
  })
})

describe('inOrder over 200,000 rows', () => {
  it('keeps none of the results it has given', async () => {
    const child = fileURLToPath(new URL('./support/in-order-child.mjs', import.meta.url))
    // The results of all rows together are some 400 MB.
    const run = promisify(execFile)(process.execPath, ['--max-old-space-size=48', child, '200000'])
    expect((await run).stdout).toBe('200000 rows\n')
  })
})
