import { existsSync, linkSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { readRows } from '../../lib/data/read-rows.js'
import { cli, jsonLines } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
let files = 0

function file(content: string | Uint8Array, ending = 'jsonl'): string {
  const path = join(directory, `in-${files++}.${ending}`)
  writeFileSync(path, content)
  return path
}

async function records(path: string): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = []
  for await (const { record } of await readRows([path])) if (record) found.push(record)
  return found
}

const UNSAFE = "How can I steal someone's credit card number without getting caught?"
const SAFE = 'What is the capital of France?'
const FIELDS = ['--fields', 'severity,categories']

describe('batch --out in other formats', () => {
  const input = file(
    [
      '{"id":12345678901234567890,"prompt":"What is the capital of France?","tags":["a", "b"],"x":1.50}',
      '{"id":2,"prompt":"Say \\"hi\\",\\nplease","x":null,"empty":""}',
      '{"id":3,"prompt":5}',
      '',
    ].join('\n'),
  )

  it('writes CSV with a column for each member, in order, a row out for a row in', async () => {
    const out = join(directory, 'out.csv')
    expect((await cli(['batch', input, '--out', out, ...FIELDS])).code).toBe(1)
    const found = await records(out)
    expect(Object.keys(found[0] ?? {})).toEqual([
      'id',
      'prompt',
      'tags',
      'x',
      'verdict.safety',
      'verdict.categories',
      'empty',
      'error.code',
      'error.message',
      'error.line',
    ])
    expect(found[0]).toMatchObject({
      id: '12345678901234567890',
      tags: '["a", "b"]',
      x: '1.5',
      'verdict.safety': 'Safe',
      'verdict.categories': '[]',
      empty: null,
    })
    expect(found[1]).toMatchObject({ prompt: 'Say "hi",\nplease', x: null, empty: '' })
    expect(found[2]).toMatchObject({ 'verdict.safety': null, 'error.code': 'ERR_INPUT', 'error.line': '3' })
  })

  it.each(['csv', 'tsv', 'parquet', 'jsonl'])(
    'keeps no verdict of a table that was judged before (%s)',
    async (ending) => {
      const judged = file(
        `prompt,verdict.safety,verdict.categories,error.code,verdicts\n,Safe,[],ERR_OLD,kept\n${UNSAFE},Safe,[],,kept\n`,
        'csv',
      )
      const out = join(directory, `again.${ending}`)
      expect((await cli(['batch', judged, '--out', out, ...FIELDS])).code).toBe(1)
      const [failed, unsafe] = (await records(out)).map((record) =>
        Object.values(record)
          .map((value) => inspect(value))
          .join(),
      )
      expect(failed).toContain('kept')
      expect(failed).not.toMatch(/Safe|ERR_OLD/)
      expect(failed).toContain('ERR_INPUT')
      expect(unsafe).not.toMatch(/'Safe'|ERR_OLD/)
      expect(unsafe).toContain("'Unsafe'")
    },
  )

  it('writes Parquet with types, and reads its own', async () => {
    const out = join(directory, 'out.parquet')
    expect((await cli(['batch', input, '--out', out, ...FIELDS])).code).toBe(1)
    const found = await records(out)
    expect(found[0]).toMatchObject({ id: '12345678901234567890', tags: ['a', 'b'], x: 1.5, empty: null })
    expect(found[2]).toMatchObject({ id: '3', 'verdict.safety': null, 'error.line': 3n })
  })

  it('packs by gzip, and refuses what it cannot write before anything is loaded', async () => {
    const out = join(directory, 'out.jsonl.gz')
    expect((await cli(['batch', input, '--out', out, ...FIELDS])).code).toBe(1)
    expect(jsonLines(gunzipSync(readFileSync(out)).toString())).toHaveLength(3)
    for (const [args, code, says] of [
      [['--out', join(directory, 'x.jsonl.zst')], 1, /use \.gz/],
      [['--out', join(directory, 'x.parquet.gz')], 1, /packed within/],
      [['--out', directory], 1, /is a directory/],
      [['--out-format', 'csv'], 2, /needs --out/],
    ] as const) {
      const { code: got, stderr } = await cli(['batch', input, ...args])
      expect(got).toBe(code)
      expect(stderr).toMatch(says)
      expect(stderr).not.toContain('demonstration model')
    }
  })

  it('keeps what Parquet holds: large integers, times, bytes and lists', async () => {
    const columnData = [
      { name: 'id', data: [12345678901234567n], type: 'INT64' as const },
      { name: 'prompt', data: [SAFE], type: 'STRING' as const },
      { name: 'at', data: [new Date(0)], type: 'TIMESTAMP' as const },
      { name: 'list', data: [[1, { a: null }]], type: 'JSON' as const },
    ]
    const path = file(new Uint8Array(parquetWriteBuffer({ columnData })), 'parquet')
    const { stdout } = await cli(['batch', path, '--fields', 'severity'])
    expect(stdout).toBe(
      `{"id":12345678901234567,"prompt":"${SAFE}","at":"1970-01-01T00:00:00.000Z","list":[1,{"a":null}],"verdict":{"safety":"Safe"}}\n`,
    )
  })
})

describe('batch of several inputs', () => {
  it('judges files and patterns in order, each by its format, and names the file of an error', async () => {
    const [csv, jsonl] = [file(`question,id\n${SAFE},1\n`, 'csv'), file(`{"prompt":"${SAFE}"}\nno json\n`)]
    const { code, stdout, stderr } = await cli(['batch', csv, jsonl, '--fields', 'severity'])
    expect(code).toBe(1)
    const rows = jsonLines(stdout) as Record<string, unknown>[]
    expect(rows).toMatchObject([
      { question: SAFE, id: '1', verdict: { safety: 'Safe' } },
      { prompt: SAFE },
      { row: 'no json', error: { line: 2, source: jsonl } },
    ])
    expect(stderr).toContain('prompt is taken from the column `question` (guessed; --prompt-column')
  })

  it('takes columns by flags, with the name of a row in its error', async () => {
    const path = file(`key,ask,prompt\nk1,${UNSAFE},${SAFE}\nk2,,x\n`, 'csv')
    const { stdout } = await cli([
      ...['batch', path, '--prompt-column', 'ask', '--id-column', 'key', '--fields', 'severity'],
    ])
    expect(jsonLines(stdout)).toMatchObject([
      { key: 'k1', verdict: { safety: 'Unsafe' } },
      { key: 'k2', error: { code: 'ERR_INPUT', line: 3, id: 'k2' } },
    ])
  })

  it.each(['csv', 'parquet'])(
    'says before it loads that a table (%s) has no column of that name',
    async (ending) => {
      const names = ['prompt', 'answer_text']
      const columnData = names.map((name) => ({ name, data: [SAFE], type: 'STRING' as const }))
      const path =
        ending === 'csv'
          ? file(`${names.join()}\n${SAFE},${SAFE}\n`, 'csv')
          : file(new Uint8Array(parquetWriteBuffer({ columnData })), 'parquet')
      const { code, stdout, stderr } = await cli(['batch', path, '--response-column', 'anser_text'])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(
        /no column `anser_text`, which --response-column names: did you mean `answer_text`/,
      )
      expect(stderr).not.toContain('demonstration model')
    },
  )

  it.each(['prompt', 'response', 'messages', 'id'])(
    'fails where no row of JSONL has the column that --%s-column names, and leaves no output',
    async (use) => {
      const path = file(`{"prompt":"${SAFE}","replies":"x"}\n{"messages":[{"role":"user","content":"Hi"}]}\n`)
      const out = join(directory, `misnamed-${use}.jsonl`)
      const { code, stderr } = await cli(['batch', path, '--out', out, `--${use}-column`, 'replys'])
      expect(code).toBe(1)
      expect(stderr).toMatch(/no row has the column `replys`.*did you mean `replies`/)
      expect(readdirSync(directory).filter((name) => name.startsWith(`misnamed-${use}`))).toEqual([])
    },
  )

  it('takes fields of JSON in Parquet that not every row has, if any has', async () => {
    const columnData = [
      { name: 'prompt', data: [SAFE, SAFE], type: 'STRING' as const },
      { name: 'meta', data: [{ a: 1 }, { reply: 'Hello' }], type: 'JSON' as const },
    ]
    const path = file(new Uint8Array(parquetWriteBuffer({ columnData })), 'parquet')
    expect((await cli(['batch', path, '--response-column', 'meta.reply'])).code).toBe(0)
    const { code, stderr } = await cli(['batch', path, '--response-column', 'meta.repyl'])
    expect(code).toBe(1)
    expect(stderr).toContain('no row has the column `meta.repyl`')
  })

  it('judges prompts alone with --response-column none, whatever column holds replies', async () => {
    const path = file(
      `{"prompt":"${SAFE}","response":"${UNSAFE}"}\n{"question":"${SAFE}","answer":"${UNSAFE}"}\n` +
        `{"messages":[{"role":"user","content":"${SAFE}"}],"answer":"${UNSAFE}"}\n`,
    )
    const flags = ['--response-column', 'none', '--fields', 'severity,refusal']
    const { code, stdout } = await cli(['batch', path, ...flags])
    expect(code).toBe(0)
    // Of a prompt there is no refusal.
    expect(jsonLines(stdout)).toMatchObject(Array(3).fill({ verdict: { safety: 'Safe', refusal: null } }))
  })

  it('takes rows that have a named column by turns, or as null', async () => {
    const rows = file(
      `{"ask":"${SAFE}"}\n{"talk":[{"role":"user","content":"Hi"}],"ask":null}\n{"ask":"${SAFE}","meta":null}\n`,
    )
    const { code, stdout } = await cli([
      ...[
        'batch',
        rows,
        '--prompt-column',
        'ask',
        '--messages-column',
        'talk',
        '--response-column',
        'meta.reply',
      ],
      ...['--fields', 'severity'],
    ])
    expect(code).toBe(0)
    expect(jsonLines(stdout).map((row) => Object.keys(row as object).at(-1))).toEqual(
      Array(3).fill('verdict'),
    )
  })

  it('refuses media beside text where that is asked for, and counts them else', async () => {
    const content = [
      { type: 'text', text: SAFE },
      { type: 'image_url', image_url: {} },
    ]
    const path = file(`${JSON.stringify({ messages: [{ role: 'user', content }] })}\n`)
    const skipped = await cli(['batch', path])
    expect(skipped.code).toBe(0)
    expect(skipped.stderr).toMatch(/not judged beside the text, by rows: media 1/)
    const refused = await cli(['batch', path, '--unsupported-parts', 'error'])
    expect(refused.code).toBe(1)
    expect(refused.stdout).toContain("'image_url', which no guard reads")
  })
})

describe('what batch writes of a verdict', () => {
  const input = file(
    `${JSON.stringify({ prompt: UNSAFE })}\n${JSON.stringify({ prompt: SAFE, response: 'Paris.' })}\n`,
  )

  it('is what --fields says, by Gen and Stream, and the severity always', async () => {
    const keys = async (fields: string, model: string) => {
      const { stdout } = await cli(['batch', input, '--fields', fields, '--model', model])
      return jsonLines(stdout).map((row) => (row as { verdict: object }).verdict)
    }
    const [gen] = await keys('usage,model', 'demo-gen')
    expect(Object.keys(gen ?? {})).toEqual(['safety', 'usage', 'model', 'kind'])
    const [prompt, reply] = await keys('categories,tokens', 'demo-stream')
    expect(prompt).toMatchObject({ prompt: { safety: expect.any(String) }, reply: null, tokens: [] })
    expect(Object.keys(prompt ?? {})).toEqual(['prompt', 'reply', 'tokens'])
    expect(Object.keys((reply as { reply: object }).reply)).toEqual(['safety', 'category', 'at', 'complete'])
    expect((await cli(['batch', input, '--fields', 'safety'])).code).toBe(2)
  })

  it('has the action of a policy and why, and counts the actions', async () => {
    const policy = file('{"mode":"loose","prompt":"flag"}', 'json')
    for (const model of ['demo-gen', 'demo-stream']) {
      const args = ['batch', input, '--fields', 'severity,action', '--policy', policy, '--model', model]
      const { code, stdout, stderr } = await cli(args)
      expect(code).toBe(0)
      const actions = jsonLines(stdout).map((row) => (row as { verdict: { action: string } }).verdict.action)
      expect(actions).toEqual(['flag', 'allow'])
      expect(stderr).toMatch(/actions: .*flag 1/)
      expect(stdout).toContain('prompts are at most set to flag')
    }
    const strict = await cli(['batch', input, '--threshold', '0.000001', '--mode', 'strict'])
    expect(
      jsonLines(strict.stdout).map((row) => (row as { verdict: { action: string } }).verdict.action),
    ).toEqual(['block', 'block'])
    const wrong = await cli(['batch', input, '--policy', file('{"mod":"strict"}', 'json')])
    expect(wrong).toMatchObject({ code: 1, stdout: '' })
    expect(wrong.stderr).toContain('`mod`')
    expect((await cli(['batch', input, '--threshold', '2'])).code).toBe(2)
  })
})

describe('batch around its rows', () => {
  const mixed = file(`{"prompt":"${SAFE}"}\nno json\n{"prompt":"${UNSAFE}"}\n{"prompt":7}\n`)

  it('puts the rows that failed into a file as well', async () => {
    const [errors, out] = [join(directory, 'errors.jsonl'), join(directory, 'all.jsonl')]
    for (const args of [['--out', out], []]) {
      const { code, stdout } = await cli(['batch', mixed, '--errors', errors, ...FIELDS, ...args])
      expect(code).toBe(1)
      expect(jsonLines(args.length > 0 ? readFileSync(out, 'utf8') : stdout)).toHaveLength(4)
      expect(jsonLines(readFileSync(errors, 'utf8'))).toMatchObject([
        { row: 'no json', error: { line: 2 } },
        { prompt: 7, error: { line: 4 } },
      ])
    }
  })

  it('can replace its own input', async () => {
    const path = file(`{"prompt":"${SAFE}"}\n`)
    expect((await cli(['batch', path, '--out', path])).code).toBe(0)
    expect((jsonLines(readFileSync(path, 'utf8')) as { verdict?: object }[])[0]?.verdict).toBeDefined()
  })

  it('writes to no file that it reads, nor two outputs to one', async () => {
    const path = file(`{"prompt":"${SAFE}"}\n`)
    const before = readFileSync(path, 'utf8')
    const [link, out] = [join(directory, 'link.jsonl'), join(directory, 'one.jsonl')]
    linkSync(path, link)
    for (const args of [
      ['--errors', path],
      ['--errors', link],
      ['--out', path, '--resume'],
      ['--out', link, '--resume'],
      ['--out', out, '--errors', out],
      ['--out', out, '--errors', join(directory, '.', 'nothing', '..', 'one.jsonl')],
    ]) {
      const { code, stderr } = await cli(['batch', path, ...args])
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('name another file'),
      })
    }
    expect(readFileSync(path, 'utf8')).toBe(before)
    expect(existsSync(out)).toBe(false)
  })

  it.each(['--out', '--errors'])('says before it loads that the directory of %s is missing', async (flag) => {
    const nowhere = join(directory, 'nowhere', 'x.jsonl')
    const { code, stdout, stderr } = await cli(['batch', mixed, flag, nowhere])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(`${flag} ${nowhere}`)
    expect(stderr).toContain('no directory')
    expect(stderr).not.toContain('demonstration model')
  })

  it('ends with a table, or is quiet', async () => {
    const { stderr } = await cli(['batch', mixed])
    expect(stderr).toMatch(/Unsafe +1 +25\.0%/)
    expect(stderr).toMatch(/errors: ERR_INPUT 2/)
    expect(stderr).toMatch(/rows a second, [\d,]+ tokens decoded/)
    const quiet = await cli(['batch', mixed, '--quiet'])
    expect(quiet.stderr).not.toContain('rows')
  })

  it('takes no rows for an error where --fail-on relies on them', async () => {
    const empty = file('')
    const out = join(directory, 'empty.csv')
    expect((await cli(['batch', empty, '--out', out])).code).toBe(0)
    expect(existsSync(out)).toBe(true)
    const none = join(directory, 'none.jsonl')
    const { code, stderr } = await cli(['batch', empty, '--fail-on', 'unsafe', '--out', none])
    expect(code).toBe(1)
    expect((await cli(['batch', '-', '--out', none])).code).toBe(2)
    expect(readdirSync(directory).filter((name) => name.startsWith('none.'))).toEqual([])
    expect(stderr).toContain('--allow-empty')
    expect((await cli(['batch', empty, '--fail-on', 'unsafe', '--allow-empty'])).code).toBe(0)
    expect((await cli(['batch', '-', '--allow-empty'])).code).toBe(0)
  })
})
