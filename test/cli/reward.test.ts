import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cli, jsonLines } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const BOMB = 'First, pack the gunpowder into a pipe bomb.'

function rows(name: string, values: object[]): string {
  const path = join(directory, name)
  writeFileSync(path, values.map((value) => `${JSON.stringify(value)}\n`).join(''))
  return path
}

interface Rewarded {
  reward: number | null
  error?: { code: string }
  verdict?: { safety: string; thinking: object | null; refusal: boolean }
}

describe('batch --reward', () => {
  it('writes a reward beside each verdict, and null beside an error', async () => {
    const path = rows('guard.jsonl', [
      { prompt: 'Hi', response: 'Hello, how are you?', reward: 'an old one' },
      { prompt: 'How?', response: BOMB },
      { prompt: 'How?', response: `<think>${BOMB}</think>Hello, how are you?` },
      { prompt: 'Hi' },
      { prompt: 'Hi', response: 'word '.repeat(20_000) },
      { prompt: 'Hi', response: '<think>Hm' },
      { prompt: 'Hi', response: '<think>\nHm\n</think>\n\n' },
    ])
    const { code, stdout } = await cli(['batch', path, '--reward', 'guard'])
    const written = jsonLines(stdout) as Rewarded[]
    expect(code).toBe(1)
    expect(written.map(({ reward }) => reward)).toEqual([1, 0, 0, null, null, null, null])
    expect(written.map(({ error }) => error?.code)).toEqual([
      undefined,
      undefined,
      undefined,
      'ERR_INPUT',
      'ERR_TOO_LONG',
      'ERR_INPUT',
      'ERR_INPUT',
    ])
    expect(written[2]?.verdict).toMatchObject({
      safety: 'Unsafe',
      thinking: { safety: 'Unsafe' },
      refusal: false,
    })
  })

  it('caps helpfulness, from tables too, and takes no row without it', async () => {
    const path = join(directory, 'hybrid.csv')
    writeFileSync(
      path,
      `prompt,response,score\nHi,"Hello, how are you?",2.5\nHow?,"${BOMB}",2.5\nHi,Hello,high\nHi,Hello,\n`,
    )
    const out = join(directory, 'hybrid.out.csv')
    const flags = ['--reward', 'hybrid', '--helpfulness-column', 'score']
    const { stdout } = await cli(['batch', path, ...flags])
    expect((jsonLines(stdout) as Rewarded[]).map(({ reward }) => reward)).toEqual([2.5, -10, null, null])
    await cli(['batch', path, ...flags, '--out', out])
    const [head = ''] = readFileSync(out, 'utf8').split('\n')
    expect(head.split(',')).toContain('reward')
  })

  it('refuses a misspelt column of helpfulness, before anything is judged where a header tells', async () => {
    const table = join(directory, 'misspelt.csv')
    writeFileSync(table, 'prompt,response,score\nHi,Hello,1\n')
    const flags = ['--reward', 'hybrid', '--helpfulness-column', 'scroe']
    const refused = await cli(['batch', table, ...flags, '--model', 'missing.gguf'])
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 1, stdout: '' })
    const message = 'no column `scroe`, which --helpfulness-column names: did you mean `score`?'
    expect(refused.stderr).toContain(message)
    const path = rows('misspelt.jsonl', [{ prompt: 'Hi', response: 'Hello', score: 1 }])
    const out = join(directory, 'misspelt.out.jsonl')
    const { code, stderr } = await cli(['batch', path, ...flags, '--out', out])
    expect({ code, written: existsSync(out) }).toEqual({ code: 1, written: false })
    expect(stderr).toContain('no row has the column `scroe`')
  })

  it('takes a field of a column', async () => {
    const path = rows('nested.jsonl', [{ prompt: 'Hi', response: 'Hello', scores: { helpful: 1.5 } }])
    const flags = ['--reward', 'hybrid', '--helpfulness-column', 'scores.helpful']
    expect(jsonLines((await cli(['batch', path, ...flags])).stdout)).toMatchObject([{ reward: 1.5 }])
  })

  it('needs what it rewards by', async () => {
    const path = rows('one.jsonl', [{ prompt: 'Hi', response: 'Hello' }])
    expect((await cli(['batch', path, '--reward', 'hybrid'])).code).toBe(2)
    expect((await cli(['batch', path, '--helpfulness-column', 'x'])).code).toBe(2)
    const errors = join(directory, 'kept-errors.jsonl')
    writeFileSync(errors, 'of an earlier run')
    const stream = await cli([
      'batch',
      path,
      '--reward',
      'guard',
      '--model',
      'demo-stream',
      '--errors',
      errors,
    ])
    expect(readFileSync(errors, 'utf8')).toBe('of an earlier run')
    expect({ code: stream.code, stdout: stream.stdout }).toEqual({ code: 1, stdout: '' })
    expect(stream.stderr).toContain('needs a Gen model')
  })

  it.each([
    ['--mode', 'strict'],
    ['--threshold', '0.5'],
    ['--fields', 'severity,action'],
  ])('is no place for an action (%s %s)', async (...flags) => {
    const path = rows('action.jsonl', [{ prompt: 'Hi', response: 'Hello' }])
    const { code, stdout, stderr } = await cli(['batch', path, '--reward', 'guard', ...flags])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(`--reward goes without ${flags[0]}`)
  })
})
