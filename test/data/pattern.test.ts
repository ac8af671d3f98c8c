import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { matcher, partsOf } from '../../lib/data/pattern.js'

describe('partsOf', () => {
  it.each([
    ['data\\*.jsonl', '', ['data', '*.jsonl']],
    ['data/2026\\part?.csv', '', ['data', '2026', 'part?.csv']],
    ['.\\my rows\\*.jsonl', '', ['my rows', '*.jsonl']],
    ['..\\*.jsonl', '', ['..', '*.jsonl']],
    ['C:\\my rows\\**\\*.jsonl', 'C:\\', ['my rows', '**', '*.jsonl']],
    ['c:/rows/*.jsonl', 'c:/', ['rows', '*.jsonl']],
    ['D:*.jsonl', 'D:.', ['*.jsonl']],
    ['\\rows\\*.jsonl', '\\', ['rows', '*.jsonl']],
    ['\\\\server\\share\\rows\\*.jsonl', '\\\\server\\share\\', ['rows', '*.jsonl']],
    ['\\\\?\\C:\\rows\\*.jsonl', '\\\\?\\C:\\', ['rows', '*.jsonl']],
  ])('takes %s apart on Windows', (pattern, root, segments) => {
    expect(partsOf(pattern, path.win32)).toEqual({ root, segments })
  })

  it.each([
    ['/data//part-*.jsonl', '/', ['data', 'part-*.jsonl']],
    ['./a/./*.jsonl', '', ['a', '*.jsonl']],
    // A backslash is a character of a name.
    ['a\\*.jsonl', '', ['a\\*.jsonl']],
  ])('takes %s apart elsewhere', (pattern, root, segments) => {
    expect(partsOf(pattern, path.posix)).toEqual({ root, segments })
  })
})

describe('matcher', () => {
  it('takes what is no part of a pattern as it is', () => {
    expect(matcher('part-*.jsonl', path.posix).test('part-7.jsonl')).toBe(true)
    expect(matcher('part-*.jsonl', path.posix).test('part-7xjsonl')).toBe(false)
  })

  it('goes by case where the system does', () => {
    expect(matcher('*.JSONL', path.win32).test('rows.jsonl')).toBe(true)
    expect(matcher('*.JSONL', path.posix).test('rows.jsonl')).toBe(false)
    expect(matcher('ROWS-[a-c]?.{csv,TSV}', path.win32).test('rows-B1.tsv')).toBe(true)
  })
})
