import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { reproducible } from '../../lib/batch/reproducible.js'
import { withinTime } from '../../lib/batch/row-time.js'
import { cli, jsonLines, Running } from '../support/cli.js'
import { oddly } from '../support/cluster.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const TIMED_OUT = { code: 'ERR_ROW_TIMEOUT', message: expect.stringContaining('--row-timeout') }

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

describe('batch --row-timeout', () => {
  const rows = path.join(directory, 'rows.jsonl')

  it('gives up a long text whose judging has begun', async () => {
    writeFileSync(rows, `${JSON.stringify({ prompt: 'How do I bake bread? '.repeat(100) })}\n`)
    const { code, stdout } = await cli(['batch', rows, '--row-timeout', '0.001', '--quiet'])
    expect(code).toBe(1)
    expect(jsonLines(stdout)).toMatchObject([{ error: { ...TIMED_OUT, line: 1 } }])
    // With enough of it, whatever the verdict is.
    const unhurried = await cli(['batch', rows, '--row-timeout', '600', '--quiet'])
    expect(unhurried.stdout).not.toContain('ERR_ROW_TIMEOUT')
  })

  it('gives up a row that never ends; the others have their verdicts, in order', async () => {
    const out = path.join(directory, 'out.jsonl')
    const texts = ['How do I bake bread?', 'HANGS', 'How do I bake rolls?']
    writeFileSync(rows, texts.map((prompt) => `${JSON.stringify({ prompt })}\n`).join(''))
    const words = ['batch', rows, '--out', out, '--row-timeout', '5', '--quiet']
    const running = new Running(words, oddly({ hanging: 'HANGS' }))
    running.child.stdin.end()
    const { code, stderr } = await running.finished
    expect(code, stderr).toBe(1)
    const judged = { verdict: { safety: 'Safe' } }
    expect(jsonLines(readFileSync(out, 'utf8'))).toMatchObject([
      { prompt: texts[0], ...judged },
      { prompt: texts[1], error: { ...TIMED_OUT, line: 2 } },
      { prompt: texts[2], ...judged },
    ])
  }, 60_000)

  it.each(['0', 'soon'])('is wrong usage with %j', async (seconds) => {
    const { code, stderr } = await cli(['batch', rows, '--row-timeout', seconds])
    expect(code).toBe(2)
    expect(stderr).toContain('Expected a number of seconds above 0, at most 86400')
  })
})

it('a row says nothing of how its verdict was come by', () => {
  const usage = { promptTokens: 3, cachedTokens: 2, passes: 1, ms: 4, uncertain: false }
  expect(reproducible({ safety: 'Safe', usage })).toEqual({
    safety: 'Safe',
    usage: { promptTokens: 3, uncertain: false },
  })
})
