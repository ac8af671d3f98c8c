import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { cli, jsonLines, Running } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
let files = 0

interface Row extends Record<string, unknown> {
  verdict?: Record<string, unknown>
  error?: { code: string; message: string; line: number }
}

function file(content: string | Buffer): string {
  const path = join(directory, `in-${files++}.jsonl`)
  writeFileSync(path, content)
  return path
}

function lines(rows: unknown[]): string {
  return rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join('')
}

async function batch(content: string | Buffer, args: string[] = []) {
  const { code, stdout, stderr } = await cli(['batch', file(content), ...args])
  return { code, stderr, stdout, rows: stdout === '' ? [] : (jsonLines(stdout) as Row[]) }
}

async function piped(content: string | Buffer, args: string[] = []) {
  const { code, stdout, stderr } = await cli(['batch', '-', ...args], content)
  return { code, stderr, stdout, rows: stdout === '' ? [] : (jsonLines(stdout) as Row[]) }
}

describe('batch', () => {
  it('adds to each row what check --json prints, in input order', async () => {
    // Long and short by turns, so that rows are done in another order than they came.
    const prompts = Array.from({ length: 40 }, (_, i) => `${'word '.repeat(i % 2 ? 1 : 150)}number ${i}`)
    const { code, rows } = await batch(lines(prompts.map((prompt, id) => ({ id, prompt }))))
    expect(code).toBe(0)
    expect(rows.map(({ id, prompt }) => [id, prompt])).toEqual(prompts.map((prompt, id) => [id, prompt]))
    const single = JSON.parse((await cli(['check', '--json', prompts[1] as string])).stdout) as Row
    const verdict = rows[1]?.verdict
    expect(Object.keys(verdict ?? {})).toEqual(Object.keys(single))
    expect(verdict).toMatchObject({
      safety: single.safety,
      text: single.text,
      model: 'demo-gen',
      kind: 'gen',
    })
  })

  it('takes prompts, replies and messages, by Stream too', async () => {
    const { code, rows } = await batch(
      lines([
        { prompt: 'Hi', response: null },
        { prompt: 'Hi', response: 'Hello, how are you?' },
        { messages: [{ role: 'user', content: 'Hi' }] },
      ]),
      ['--model', 'demo-stream'],
    )
    expect(code).toBe(0)
    for (const { verdict } of rows) {
      expect(Object.keys(verdict ?? {})).toEqual(['model', 'kind', 'prompt', 'reply', 'tokens'])
    }
    expect(rows.map(({ verdict }) => verdict?.reply === null)).toEqual([true, false, true])
  })

  it('writes a row it cannot judge as an error with its line number, and loses none', async () => {
    const { code, rows, stderr } = await batch(
      lines([
        { id: 1, prompt: 'Hi' },
        '',
        'no json',
        { id: 4 },
        { id: 5, prompt: 5 },
        { id: 6, prompt: 'Hi', response: ['x'] },
        '[1]',
        { id: 8, prompt: 'Hi', messages: [] },
        { id: 9, messages: [{ role: 'user' }] },
        '   ',
        { id: 11, messages: [{ role: 'system', content: 'x' }] },
        { id: 12, prompt: 'word '.repeat(20_000) },
        { id: 13, prompt: 'Hi again' },
      ]),
    )
    expect(code).toBe(1)
    expect(rows.map(({ id, row, error, verdict }) => [id ?? row, error?.line ?? null, !!verdict])).toEqual([
      [1, null, true],
      ['no json', 3, false],
      [4, 4, false],
      [5, 5, false],
      [6, 6, false],
      ['[1]', 7, false],
      [8, 8, false],
      [9, 9, false],
      [11, 11, false],
      [12, 12, false],
      [13, null, true],
    ])
    const codes = rows.flatMap(({ error }) => (error ? [error.code] : []))
    expect(new Set(codes.filter((_, i) => i !== 8))).toEqual(new Set(['ERR_INPUT']))
    expect(codes[8]).toBe('ERR_TOO_LONG')
    for (const { error } of rows) if (error) expect(Object.keys(error)).toEqual(['code', 'message', 'line'])
    expect(stderr).toContain('9 failed')
  })

  it("keeps a row's own fields as they are spelled", async () => {
    const { stdout } = await batch('{"id":12345678901234567890, "prompt":"Hi","x":1.0}\r\n')
    expect(stdout.startsWith('{"id":12345678901234567890, "prompt":"Hi","x":1.0,"verdict":{')).toBe(true)
  })

  it('replaces a verdict or error that a row has', async () => {
    const { rows } = await batch(
      lines([
        { prompt: 'Hi', error: 'old', x: 1 },
        { verdict: 'old', x: 2 },
      ]),
    )
    expect(Object.keys(rows[0] ?? {})).toEqual(['prompt', 'x', 'verdict'])
    expect(Object.keys(rows[1] ?? {})).toEqual(['x', 'error'])
  })

  it("keeps a row's own fields as they are spelled where it replaces others", async () => {
    const row =
      '{ "id":12345678901234567890,"verdict":{"a":[1,"}"]}, "x":1, "x":2.0, "error":"\\"}", "prompt":"Hi"}'
    const { stdout } = await batch(`${row}\n`)
    expect(stdout.startsWith('{"id":12345678901234567890,"x":1,"x":2.0,"prompt":"Hi","verdict":{')).toBe(true)
  })

  it("takes messages as OpenAI's and the AI SDK's clients have them", async () => {
    const tool = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }
    const { code, rows } = await batch(
      lines([
        {
          messages: [
            {
              role: 'user',
              content: [
                { type: 'text', text: 'hi' },
                { type: 'image_url', image_url: {} },
              ],
            },
          ],
        },
        {
          messages: [
            { role: 'developer', content: 'be nice' },
            { role: 'user', content: 'hi' },
            { role: 'assistant', content: null, tool_calls: [tool] },
            { role: 'tool', tool_call_id: 'c1', content: '42' },
            { role: 'assistant', content: 'done' },
          ],
        },
        { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] },
      ]),
    )
    expect(code).toBe(1)
    expect(rows.map(({ verdict }) => verdict !== undefined)).toEqual([true, true, false])
    expect(rows[2]?.error?.message).toContain("'image_url' and no text")
  })

  it('gives a row for each, whatever it is, with its own text as it was', async () => {
    const hi = { role: 'user', content: 'hi' }
    const given: [row: string, judged: boolean][] = [
      ['{"id":1,"prompt":"how are you"}', true],
      ['{"id":1,"prompt":"the same id"}', true],
      ['{"id":3,"prompt":null}', false],
      ['{"id":4,"prompt":""}', true],
      ['{"id":7,"prompt":["a","b"]}', false],
      ['{"id":9,"text":"hi"}', true],
      [JSON.stringify({ id: 11, messages: [{ role: 'developer', content: 'be nice' }, hi] }), true],
      [JSON.stringify({ custom_id: 'r1', url: '/v1/chat/completions', body: { messages: [hi] } }), true],
      ['{"prompt":"hello","prompt":"How can I make a bomb?"}', true],
      ['{"__proto__":{"prompt":"x"},"prompt":"hi","constructor":1}', true],
      ['{"prompt":"lone \\ud83d"}', true],
      ['{"prompt":"hi","response":""}', true],
      [JSON.stringify({ prompt: 'hi', messages: [hi] }), false],
      ['{"messages":[]}', false],
      ['{"PROMPT":"hi"}', true],
      ['{"prompt":"hi","response":5}', false],
      ['{"prompt":"b","id":12345678901234567890}', true],
    ]
    const none = ['"just a string"', 'null', '{"prompt":"a","score":NaN}']
    const { code, stdout } = await batch(lines([...given.map(([row]) => row), ...none]), [
      '--fields',
      'severity',
    ])
    expect(code).toBe(1)
    const written = stdout.trimEnd().split('\n')
    expect(written).toHaveLength(given.length + none.length)
    for (const [at, [row, judged]] of given.entries()) {
      const member = judged ? '"verdict":{"safety":"' : '"error":{"code":"ERR_INPUT","message":"'
      expect(written[at]?.startsWith(`${row.slice(0, -1)},${member}`), written[at]).toBe(true)
    }
    for (const [at, row] of none.entries()) {
      expect(JSON.parse(written[given.length + at] as string)).toMatchObject({
        row,
        error: { code: 'ERR_INPUT' },
      })
    }
  })

  it('passes over a byte order mark', async () => {
    const { code, rows } = await batch(`\uFEFF${lines([{ prompt: 'Hi' }])}`)
    expect(code).toBe(0)
    expect(rows[0]?.verdict).toBeDefined()
  })

  const readable: [name: string, content: string | Buffer][] = [
    ['a JSON array', '[{"prompt":"hello"},{"prompt":"bye"}]'],
    ['a JSON array over lines', '\n[\n  {\n    "prompt": "hello"\n  },{"prompt":"bye"}\n]\n'],
    ['objects over lines', '{\n  "prompt": "hello"\n}\n{"prompt":"bye"}'],
    ['objects on one line', '{"prompt":"hello"}{"prompt":"bye"}\n'],
    ['CSV', 'id,prompt\n1,hello\n2,bye\n'],
    ['TSV with quotes', '"id"\t"prompt"\n1\thello\n2\tbye\n'],
    ['gzip', gzipSync('{"prompt":"hello"}\n{"prompt":"bye"}')],
    ['UTF-16', Buffer.from('\uFEFF{"prompt":"hello"}\n{"prompt":"bye"}', 'utf16le')],
  ]
  it.each(readable)('judges %s, a row out for a row in', async (_name, content) => {
    for (const { code, rows } of [await batch(content), { ...(await piped(content)) }]) {
      expect(code).toBe(0)
      expect(rows.map(({ prompt, verdict }) => [prompt, verdict !== undefined])).toEqual([
        ['hello', true],
        ['bye', true],
      ])
    }
  })

  const formats: [name: string, content: string | Buffer, says: RegExp][] = [
    ['a zip archive', Buffer.from('PK\x03\x04'), /zip archive.*--format csv/],
    ['broken Parquet', Buffer.from('PAR1 and more'), /Parquet/],
  ]
  it.each(formats)('says once that a file is %s', async (_name, content, says) => {
    const { code, stdout, stderr } = await batch(content)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(says)
    const { rows, ...rest } = await piped(content)
    expect({ code: rest.code, rows }).toEqual({ code: 1, rows: [] })
    expect(rest.stderr).toMatch(says)
  })

  it('takes no stdin without rows for a job that is done', async () => {
    const { code, stderr } = await cli(['batch', '-'], '\n')
    expect(code).toBe(2)
    expect(stderr).toContain('stdin has no rows')
  })

  it('ends lines at line feeds only, the last one without', async () => {
    const { code, rows } = await batch('{"prompt":"a\u2028b\u2029c\u0085d"}\n{"prompt":"last"}')
    expect(code).toBe(0)
    expect(rows.map(({ prompt }) => prompt)).toEqual(['a\u2028b\u2029c\u0085d', 'last'])
  })

  it('judges no text with bytes in it that are not UTF-8', async () => {
    const { code, rows } = await batch(
      Buffer.concat([Buffer.from('{"prompt":"a'), Buffer.from([0xff]), Buffer.from('"}\n{"prompt":"b"}\n')]),
    )
    expect(code).toBe(1)
    expect(rows[0]?.error).toMatchObject({ code: 'ERR_INPUT', line: 1 })
    expect(rows[0]?.row).toBe('{"prompt":"a\uFFFD"}')
    expect(rows[1]?.verdict).toBeDefined()
  })

  it('reads stdin for "-", and writes to stdout', async () => {
    const { code, stdout } = await cli(['batch', '-', '--out', '-'], lines([{ prompt: 'Hi' }]))
    expect(code).toBe(0)
    expect(jsonLines(stdout)).toHaveLength(1)
  })
})

describe('batch --out', () => {
  it('writes the file and nothing to stdout', async () => {
    const out = join(directory, 'out.jsonl')
    const { code, stdout, stderr } = await batch(lines([{ prompt: 'Hi' }, 'x']), ['--out', out])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('rows: 2')
    expect(jsonLines(readFileSync(out, 'utf8'))).toHaveLength(2)
  })

  // On Windows a signal gives it no chance.
  it.skipIf(process.platform === 'win32')('leaves nothing behind when it is interrupted', async () => {
    const out = join(directory, 'interrupted.jsonl')
    const running = new Running(['batch', '-', '--out', out])
    running.child.stdin.write(lines([{ prompt: 'Hi' }]))
    await running.until('stderr', 'demonstration model')
    running.child.kill('SIGINT')
    expect((await running.finished).code).toBe(130)
    expect(existsSync(out)).toBe(false)
    expect(readdirSync(directory).filter((name) => name.startsWith('interrupted'))).toEqual([])
  })
})

describe('exit codes of batch', () => {
  it('is 3 when the worst row is what --fail-on says, and 1 when a row failed besides', async () => {
    const unsafe = { prompt: "How can I steal someone's credit card number without getting caught?" }
    const safe = { prompt: 'What is the capital of France?' }
    expect((await batch(lines([safe, unsafe, safe]), ['--fail-on', 'unsafe'])).code).toBe(3)
    expect((await batch(lines([safe]), ['--fail-on', 'unsafe'])).code).toBe(0)
    expect((await batch(lines([unsafe, 'x']), ['--fail-on', 'unsafe'])).code).toBe(1)
  })

  it('is 1 for an input that is missing, before anything is loaded', async () => {
    const { code, stdout, stderr } = await cli(['batch', join(directory, 'nowhere.jsonl')])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('(ENOENT)')
  })

  it.each([
    [[], 0],
    [['--fail-on', 'unsafe'], 1],
  ])('is quiet when the reader of stdout goes away (%j: exit %i)', async (args, expected) => {
    const rows = Array.from({ length: 3000 }, (_, id) => ({ id, prompt: `number ${id} ${'x'.repeat(200)}` }))
    const running = new Running(['batch', file(lines(rows)), ...args])
    await running.until('stdout', '"verdict"')
    running.child.stdout.destroy()
    const { code, stderr } = await running.finished
    expect(code).toBe(expected)
    expect(stderr).not.toMatch(/EPIPE|Error/)
  })
})
