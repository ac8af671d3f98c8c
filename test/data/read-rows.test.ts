import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { columnsOfTable, type ReadOptions, readRows } from '../../lib/data/read-rows.js'
import type { Row } from '../../lib/data/row.js'
import { findSources, type Source } from '../../lib/data/sources.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
let files = 0

function file(content: string | Buffer, ending = 'jsonl'): string {
  const path = join(directory, `in-${files++}.${ending}`)
  writeFileSync(path, content)
  return path
}

async function collected(reader: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = []
  for await (const row of reader) found.push(row)
  return found
}

async function rows(names: string | string[], options: ReadOptions = {}): Promise<Row[]> {
  return await collected(await readRows([names].flat(), options))
}

async function records(names: string | string[], options: ReadOptions = {}) {
  return (await rows(names, options)).map(({ record, defect }) => record ?? defect)
}

/** The one message that reading ends with. */
async function refusal(name: string, options: ReadOptions = {}): Promise<string> {
  const error = await rows(name, options).then(
    () => null,
    (error: Error & { code: string }) => error,
  )
  expect(error?.code).toBe('ERR_INPUT')
  return error?.message ?? ''
}

const hello = [{ prompt: 'hello' }, { prompt: 'bye' }]

describe('readRows of JSON', () => {
  it('reads a byte order mark, CRLF, blank lines and a last line without a break', async () => {
    const path = file('\uFEFF{"id":1,"prompt":"a"}\r\n\r\n{"id":1,"prompt":"b\u2028c"}\n{"prompt":"last"}')
    const reader = await readRows([path])
    const found = await collected(reader)
    expect(found.map(({ number, text }) => [number, text])).toEqual([
      [1, '{"id":1,"prompt":"a"}'],
      [3, '{"id":1,"prompt":"b\u2028c"}'],
      [4, '{"prompt":"last"}'],
    ])
    expect(reader.blankLines).toBe(1)
    expect(reader.bytesRead).toBe(reader.bytes)
  })

  it('makes a defect of a line that is no object, and reads on', async () => {
    const content = '{"a":1}\nno\n[1]\nnull\n{"score":NaN}\n{"id":12345678901234567890}\n'
    const found = await rows(file(content))
    expect(found.map(({ defect }) => defect !== null)).toEqual([false, true, true, true, true, false])
    expect(found[4]?.defect).toContain('NaN')
    expect(found[5]?.text).toBe('{"id":12345678901234567890}')
  })

  it.each([
    ['an array in a line', '[{"prompt":"hello"},{"prompt":"bye"}]\n'],
    ['an array over lines', '\n[\n  {\n    "prompt": "hello"\n  },\n  { "prompt":"bye" }\n]\n'],
    ['objects over lines', '{\n  "prompt": "hello"\n}\n{\n "prompt": "bye"}'],
    ['objects without line breaks', '{"prompt":"hello"}{"prompt":"bye"}\n'],
    ['an array of nothing, and one', '[]\n[{"prompt":"hello"},{"prompt":"bye"}]'],
  ])('reads %s', async (_name, content) => {
    expect(await records(file(content, 'json'))).toEqual(hello)
    if (!content.startsWith('[]')) expect(await records(file(content))).toEqual(hello)
  })

  it('names the line where an element begins, and makes a defect of one that is no object', async () => {
    const found = await rows(file('[\n{"a":"}\\"]"},\n 5,\n\n{"b":\n[1]}, "x"]', 'json'))
    expect(found.map(({ number, text }) => [number, text])).toEqual([
      [2, '{"a":"}\\"]"}'],
      [3, '5'],
      [5, '{"b":\n[1]}'],
      [6, '"x"'],
    ])
    expect(found.map(({ defect }) => defect !== null)).toEqual([false, true, false, true])
  })

  it.each([
    ['[{"a":1} {"a":2}]', /line 1: expected , or ]/],
    ['[{"a":1},\n{"a":2}', /line 2: it ends inside the array/],
    ['[\n{"a":1},\n{"a":', /ends inside the value that begins in line 3/],
    ['[{"a":1}]\nx', /line 2: expected nothing after the array/],
    ['[{"a":1},]', /expected a value/],
  ])('says once where JSON is broken: %s', async (content, says) => {
    expect(await refusal(file(content, 'json'))).toMatch(says)
  })

  it('makes a defect of bytes that are not UTF-8, and of a row that is too long', async () => {
    const broken = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n{"b":1}\n')])
    expect(await records(file(broken))).toEqual(['expected UTF-8, got other bytes', { b: 1 }])
    const long = `{"a":"${'x'.repeat(17 << 20)}"}`
    for (const [content, ending] of [
      [`{"b":1}\n${long}\n{"c":1}\n`, 'jsonl'],
      [`[{"b":1},\n${long},\n{"c":1}]`, 'json'],
    ] as const) {
      const found = await rows(file(content, ending))
      expect(found.map(({ defect }) => defect?.includes('16777216 bytes') ?? false)).toEqual([
        false,
        true,
        false,
      ])
    }
  })
})

describe('readRows of tables', () => {
  it('reads CSV with quotes, line breaks, CRLF and a byte order mark', async () => {
    const content = '\uFEFFid,prompt,note\r\n1,"say ""hi"",\nplease",\r\n\r\n2,bye,""\r\n'
    const found = await rows(file(content, 'csv'))
    expect(found.map(({ record }) => record)).toEqual([
      { id: '1', prompt: 'say "hi",\nplease', note: null },
      { id: '2', prompt: 'bye', note: '' },
    ])
    expect(found.map(({ number }) => number)).toEqual([2, 5])
  })

  it.each([
    ['csv', 'id;prompt\n1;"a;b"\n'],
    ['csv', 'id|prompt\n1|a;b'],
    ['tsv', 'id\tprompt\n1\ta;b\n'],
  ])('finds the delimiter of %s: %j', async (ending, content) => {
    expect(await records(file(content, ending))).toEqual([{ id: '1', prompt: 'a;b' }])
  })

  it('reads a table under a name that says none, and says so where the name says otherwise', async () => {
    expect(await records(file('id,prompt\n1,a\n', 'txt'))).toEqual([{ id: '1', prompt: 'a' }])
    const notes: string[] = []
    const onNote = (note: string) => notes.push(note)
    expect(await records(file('id\tprompt\n1\ta\n'), { onNote })).toEqual([{ id: '1', prompt: 'a' }])
    expect(notes[0]).toMatch(/is a table: read as tsv \(--format/)
  })

  it('takes quotes inside fields of TSV as they are', async () => {
    expect(await records(file('a\tb\nsay "hi" now\t5"\n', 'tsv'))).toEqual([{ a: 'say "hi" now', b: '5"' }])
  })

  it('makes a defect of a row with another number of fields', async () => {
    const found = await records(file('a,b\n1\n1,2\n1,2,3\n', 'csv'))
    expect(found).toEqual([
      'expected 2 fields, as in the header, got 1',
      { a: '1', b: '2' },
      'expected 2 fields, as in the header, got 3',
    ])
  })

  it('says once what a table lacks', async () => {
    expect(await refusal(file('a,a\n1,2\n', 'csv'))).toMatch(/"a" twice.*--format/)
    expect(await refusal(file('a,b\n1,x"y"\n2,"open\n', 'csv'))).toMatch(/no sound CSV.*--format/)
  })
})

describe('readRows of Parquet', () => {
  const columnData = [
    { name: 'id', data: [1n, 2n, 12345678901234567n], type: 'INT64' as const },
    { name: 'prompt', data: ['a', 'b', null], type: 'STRING' as const },
  ]
  const bytes = Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 2 }))
  const expected = [
    { id: 1n, prompt: 'a' },
    { id: 2n, prompt: 'b' },
    { id: 12345678901234567n, prompt: null },
  ]

  it('reads all row groups, by whatever name, packed too', async () => {
    expect(await records(file(bytes, 'parquet'))).toEqual(expected)
    expect(await records(file(bytes, 'jsonl'))).toEqual(expected)
    expect(await records(file(gzipSync(bytes), 'parquet.gz'))).toEqual(expected)
    expect((await rows(file(bytes, 'parquet'))).map(({ number }) => number)).toEqual([1, 2, 3])
  })

  it('says once that a file is broken or none', async () => {
    const broken = Buffer.from(bytes)
    broken.fill(0xff, 4, 40)
    const [source] = await findSources([file(broken, 'parquet')])
    // The names of its columns lie at its end: none of its rows is decoded for them.
    expect(await columnsOfTable(source as Source, {})).toEqual(columnData.map(({ name }) => name))
    expect(await refusal(file(broken, 'parquet'))).toMatch(/Parquet that cannot be read/)
    expect(await refusal(file(bytes.subarray(0, -9), 'parquet'))).toMatch(/Parquet that cannot be read/)
    expect(await refusal(file('', 'parquet'))).toMatch(/no Parquet file/)
    expect(await refusal(file('hello\n', 'parquet'))).toMatch(/no Parquet file/)
    expect(await refusal(file(bytes, 'parquet'), { format: 'csv' })).toMatch(/is Parquet.*--format parquet/)
  })
})

describe('readRows of packed and other text', () => {
  const line = '{"prompt":"hello"}\n'

  it('unpacks gzip in several members, and Zstandard in several frames', async () => {
    const gzip = Buffer.concat([gzipSync(line), gzipSync('{"prompt":"bye"}\n')])
    expect(await records(file(gzip, 'jsonl.gz'))).toEqual(hello)
    const frame = (base64: string) => Buffer.from(base64, 'base64')
    // `zstd -c` of {"prompt":"a"} and {"prompt":"b"}, each with its line break.
    const zstd = [
      frame('KLUv/QRYeQAAeyJwcm9tcHQiOiJhIn0KgrdCZQ=='),
      frame('KLUv/QRYeQAAeyJwcm9tcHQiOiJiIn0Kx2USmA=='),
    ]
    expect(await records(file(Buffer.concat(zstd), 'jsonl.zst'))).toEqual([{ prompt: 'a' }, { prompt: 'b' }])
  })

  it('says once that packed bytes end early', async () => {
    const many = Array.from({ length: 5000 }, (_, i) => `{"prompt":"${i * 7919}"}\n`).join('')
    expect(await refusal(file(gzipSync(many).subarray(0, 5000), 'jsonl.gz'))).toMatch(
      /gzip that is broken or ends/,
    )
    const frame = Buffer.from('KLUv/QRYeQAAeyJwcm9tcHQiOiJhIn0KgrdCZQ==', 'base64')
    expect(await refusal(file(frame.subarray(0, -5)))).toMatch(/Zstandard.*ends early/)
  })

  it.each(['utf16le', 'utf16be'] as const)('converts %s with a byte order mark', async (encoding) => {
    const bytes = Buffer.from(`\uFEFF${line}{"prompt":"bye"}\r\n`, 'utf16le')
    expect(await records(file(encoding === 'utf16le' ? bytes : bytes.swap16()))).toEqual(hello)
  })

  it.each([
    ['a zip archive', Buffer.from('PK\x03\x04'), /zip archive.*--format csv/],
    ['UTF-16 without a mark', Buffer.from(line, 'utf16le'), /UTF-16 without.*iconv/],
    ['a model', Buffer.from('GGUF\x03\0\0\0'), /model file.*--model/],
    ['bzip2', Buffer.from('BZh91AY&SY'), /bzip2.*bunzip2/],
  ])('says once that a file is %s', async (_name, content, says) => {
    expect(await refusal(file(content))).toMatch(says)
  })

  it('asks for the format where neither name nor beginning says it', async () => {
    expect(await refusal(file('once upon a time\n', 'txt'))).toMatch(/--format jsonl, json, csv/)
    expect(await refusal(file('[{"a":1}]\n'), { format: 'jsonl' })).toMatch(/a JSON array.*--format json/)
    expect(await records(file('a\nb\n', 'txt'), { format: 'csv' })).toEqual([{ a: 'b' }])
  })
})

describe('readRows of several sources', () => {
  it('reads files one after the other, and those of a pattern by name', async () => {
    const folder = join(directory, 'many', 'deep')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'b.jsonl'), '{"at":2}')
    writeFileSync(join(folder, 'a.csv'), 'at\n1\n')
    writeFileSync(join(folder, 'c.txt'), '{"at":3}')
    writeFileSync(join(folder, 'literal[1].jsonl'), '{"at":4}')
    const of = (pattern: string) => records(join(directory, 'many', pattern))
    expect(await of('**/*.{csv,jsonl}')).toEqual([{ at: '1' }, { at: 2 }, { at: 4 }])
    expect(await of('d?ep/[!ab].*')).toEqual([{ at: 3 }])
    expect(await of('deep/literal[1].jsonl')).toEqual([{ at: 4 }])
    expect(await refusal(join(folder, 'x*'))).toContain('no file matches')
    expect(await refusal(folder)).toMatch(/a directory.*\*\.jsonl/)
    const names = [join(folder, 'b.jsonl'), join(folder, 'a.csv')]
    expect((await rows(names)).map(({ source, number }) => [source, number])).toEqual([
      [names[0], 1],
      [names[1], 2],
    ])
  })

  it('tells the disk that a file is missing', async () => {
    await expect(readRows([join(directory, 'nowhere.jsonl')])).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it.skipIf(process.platform === 'win32')('reads what can be read once only', async () => {
    const fifo = join(directory, 'pipe')
    spawnSync('mkfifo', [fifo])
    const { open } = await import('node:fs/promises')
    const reading = records(fifo)
    const writer = await open(fifo, 'w')
    await writer.write('{"prompt":"hello"}\n{"prompt":"bye"}\n')
    await writer.close()
    expect(await reading).toEqual(hello)
  })
})
