import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readRows } from '../../lib/data/read-rows.js'
import { writeTable } from '../../lib/data/write-table.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const { signal } = new AbortController()
let files = 0

/** What is read again of lines that were written as a table. */
async function again(lines: string[], format: 'csv' | 'tsv' | 'parquet') {
  const [jsonl, out] = [join(directory, `${files}.jsonl`), join(directory, `${files++}.${format}`)]
  writeFileSync(jsonl, lines.map((line) => `${line}\n`).join(''))
  await writeTable(jsonl, out, format, { spread: new Set(['verdict']), gzip: false, signal })
  const found: (Record<string, unknown> | string)[] = []
  for await (const { record, defect } of await readRows([out])) found.push(record ?? defect)
  return found
}

describe('writeTable', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', '"', ',', '\t', ';', '\n', '\r', ' ', '\\', 'é', '\u{1f600}'),
  })
  const rows = fc.array(fc.record({ one: text, two: fc.option(text), three: text }), {
    minLength: 1,
    maxLength: 8,
  })

  it.each(['csv', 'tsv', 'parquet'] as const)(
    'gives %s from which the same texts are read',
    async (format) => {
      await fc.assert(
        fc.asyncProperty(rows, async (given) => {
          expect(
            await again(
              given.map((row) => JSON.stringify(row)),
              format,
            ),
          ).toEqual(given)
        }),
        { numRuns: 60 },
      )
    },
  )

  it('keeps a row of one column without anything in it', async () => {
    expect(await again(['{"a":"x"}', '{"a":null}', '{}'], 'csv')).toEqual([{ a: 'x' }, { a: '' }, { a: '' }])
  })

  it('takes no column of a row for a part of what is spread', async () => {
    const lines = [
      '{"verdict.safety":"Safe","verdicts":"x","error.code":"y"}',
      '{"verdict":{"safety":"Unsafe"}}',
    ]
    expect(await again(lines, 'csv')).toEqual([
      { verdicts: 'x', 'error.code': 'y', 'verdict.safety': null },
      { verdicts: null, 'error.code': null, 'verdict.safety': 'Unsafe' },
    ])
  })

  it('finds columns and types over all rows', async () => {
    const lines = [
      '{"n":1,"big":9007199254740993,"mixed":1,"flag":true,"list":[1, 2],"verdict":{"safety":"Safe","scores":{"loose":0.5}}}',
      '{"n":2.5,"big":-3,"mixed":"x","none":null,"verdict":{"safety":"Unsafe"},"late":"y"}',
      '{"n":null,"n":3}',
    ]
    expect(await again(lines, 'parquet')).toEqual([
      {
        ...{ n: 1, big: 9007199254740993n, mixed: '1', flag: true, list: [1, 2] },
        ...{ 'verdict.safety': 'Safe', 'verdict.scores.loose': 0.5, none: null, late: null },
      },
      {
        ...{ n: 2.5, big: -3n, mixed: 'x', flag: null, list: null },
        ...{ 'verdict.safety': 'Unsafe', 'verdict.scores.loose': null, none: null, late: 'y' },
      },
      {
        ...{ n: 3, big: null, mixed: null, flag: null, list: null },
        ...{ 'verdict.safety': null, 'verdict.scores.loose': null, none: null, late: null },
      },
    ])
    expect((await again(lines, 'csv'))[0]).toMatchObject({ n: '1', big: '9007199254740993', list: '[1, 2]' })
  })
})
