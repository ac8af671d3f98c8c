import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { keepEntryExports } from '../../scripts/cross/windows-exports.mjs'
// @ts-expect-error: a script without types
import { tooNewSymbols } from '../../scripts/symbol-versions.mjs'
import { readBinaryFile } from '../support/binary-file.js'
import { temporaryDirectory } from '../support/temporary.js'

// What the cross builds do to binaries, and what a release asks of them, on files made here: platforms.test.ts reads the real
// ones where they are built.
const directory = temporaryDirectory()
const ENTRY = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** A DLL of one section that exports those names; the function of the nth lies at 0x5000 + n. */
function dllWith(names: string[]): string {
  const bytes = Buffer.alloc(0x800)
  const [header, start, from] = [0x40, 0x1000, 0x200]
  bytes.write('MZ')
  bytes.writeUInt32LE(header, 0x3c)
  bytes.writeUInt16LE(1, header + 6)
  bytes.writeUInt16LE(240, header + 20)
  bytes.writeUInt32LE(start, header + 24 + 112)
  // No imports: an entry of zeros.
  bytes.writeUInt32LE(start + 0x500, header + 24 + 120)
  const section = header + 24 + 240
  bytes.write('.edata', section)
  bytes.writeUInt32LE(0x600, section + 8)
  bytes.writeUInt32LE(start, section + 12)
  bytes.writeUInt32LE(from, section + 20)
  const [functions, pointers, ordinals] = [0x40, 0x80, 0xc0]
  for (const at of [20, 24]) bytes.writeUInt32LE(names.length, from + at)
  for (const [index, at] of [functions, pointers, ordinals].entries())
    bytes.writeUInt32LE(start + at, from + 28 + 4 * index)
  for (const [index, name] of names.entries()) {
    const text = 0x100 + 0x40 * index
    // Functions in another order than names, as linkers leave them.
    const ordinal = names.length - 1 - index
    bytes.writeUInt32LE(0x5000 + index, from + functions + 4 * ordinal)
    bytes.writeUInt32LE(start + text, from + pointers + 4 * index)
    bytes.writeUInt16LE(ordinal, from + ordinals + 2 * index)
    bytes.write(name, from + text)
  }
  const file = path.join(directory, `${names.length}.dll`)
  writeFileSync(file, bytes)
  return file
}

it('leaves a DLL its Node-API entry, each name with its function', () => {
  const file = dllWith(['_Unwind_Resume', ENTRY[0]!, ENTRY[1]!, 'unw_step'])
  keepEntryExports(file)
  expect(readBinaryFile(file).exports).toEqual(ENTRY)
  const bytes = readFileSync(file)
  const functionOf = (index: number) =>
    bytes.readUInt32LE(0x200 + 0x40 + 4 * bytes.readUInt16LE(0x200 + 0xc0 + 2 * index))
  expect([functionOf(0), functionOf(1)]).toEqual([0x5001, 0x5002])
  expect(bytes.includes('_Unwind')).toBe(false)
})

it('refuses a DLL without the entry', () => {
  expect(() => keepEntryExports(dllWith(['_Unwind_Resume', ENTRY[0]!]))).toThrow(
    `exports ${ENTRY[0]} of ${ENTRY.join(', ')}`,
  )
})

it('names the symbol versions that the oldest systems lack', () => {
  const file = path.join(directory, 'versions')
  const versions = [
    'GLIBC_2.17',
    'GLIBC_2.28',
    'GLIBC_2.34',
    'GLIBCXX_3.4.25',
    'GLIBCXX_3.4.30',
    'GLIBC_2.34',
  ]
  writeFileSync(file, ['', ...versions, 'GLIBC_2.99 in a sentence', ''].join('\0'))
  expect(tooNewSymbols(file)).toEqual(['GLIBCXX_3.4.30', 'GLIBC_2.34'])
})
