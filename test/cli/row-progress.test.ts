import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { duration, RowProgress } from '../../lib/cli/row-progress.js'
import { Tally } from '../../lib/cli/tally.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

/** What is written of 100 rows of 1000 bytes, one a second, after 20 rows of an earlier run. */
function written({ isTTY, columns }: { isTTY: boolean; columns?: number }, quiet = false): string[] {
  const lines: string[] = []
  const stream = {
    isTTY,
    columns,
    write: (text: string) => lines.push(text),
  } as unknown as NodeJS.WriteStream
  const reader = { bytes: 100_000, bytesRead: 0 }
  const tally = new Tally()
  const progress = new RowProgress(reader, tally, { stream, quiet })
  for (let row = 0; row < 100; row++) {
    if (row === 20) progress.begin()
    reader.bytesRead += 1000
    tally.add(row === 50 ? { error: { code: 'ERR_INPUT' } } : { verdict: { safety: 'Safe' } })
    if (row < 20) continue
    vi.setSystemTime(Date.now() + 1000)
    progress.update()
  }
  progress.stop()
  return lines
}

describe('RowProgress', () => {
  it('draws one line that fits the terminal, what matters most first, and takes it away', () => {
    const lines = written({ isTTY: true, columns: 60 })
    expect(lines.at(-1)).toBe('\r\x1b[K')
    const drawn = lines.slice(0, -1).map((line) => line.replace(/^\r/, '').replace(/\x1b\[K$/, ''))
    for (const line of drawn) expect(line.length).toBeLessThan(60)
    expect(drawn.find((line) => line.startsWith('60%'))).toBe(
      '60%  60 rows  1.0/s  40 s left  59 Safe, 0 Controversial, 0 '.slice(0, 59),
    )
    expect(written({ isTTY: true, columns: 20 })[0]?.length).toBeLessThan(30)
  })

  it('writes whole lines every few seconds elsewhere, and none where it is to be quiet', () => {
    const lines = written({ isTTY: false })
    expect(lines.length).toBeGreaterThan(10)
    expect(lines.length).toBeLessThan(20)
    expect(lines.at(-1)).toMatch(/^\d+%.* rows .*\/s .*Safe, .* 1 failed\n$/)
    expect(written({ isTTY: true, columns: 80 }, true)).toEqual([])
  })

  it('says times as people do', () => {
    expect([0.2, 59, 90, 3600 * 3 + 60 * 12].map(duration)).toEqual(['1 s', '59 s', '2 min', '3 h 12 min'])
  })
})
