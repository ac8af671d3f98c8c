import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { keepMacosEntryExports } from '../../scripts/cross/macos-exports.mjs'
// @ts-expect-error: a script without types
import { keepWindowsEntryExports } from '../../scripts/cross/windows-exports.mjs'
// @ts-expect-error: a script without types
import { tooNewSymbols } from '../../scripts/symbol-versions.mjs'
import { readBinaryFile } from '../support/binary-file.js'
import { temporaryDirectory } from '../support/temporary.js'

// What the cross builds do to binaries, and what a release asks of them, on files made here: platforms.test.ts reads the real
// ones where they are built.
const temporary = temporaryDirectory()
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
  const file = path.join(temporary, `${names.length}.dll`)
  writeFileSync(file, bytes)
  return file
}

it('leaves a DLL its Node-API entry, each name with its function', () => {
  const file = dllWith(['_Unwind_Resume', ENTRY[0]!, ENTRY[1]!, 'unw_step'])
  keepWindowsEntryExports(file)
  expect(readBinaryFile(file).exports).toEqual(ENTRY)
  const bytes = readFileSync(file)
  const functionOf = (index: number) =>
    bytes.readUInt32LE(0x200 + 0x40 + 4 * bytes.readUInt16LE(0x200 + 0xc0 + 2 * index))
  expect([functionOf(0), functionOf(1)]).toEqual([0x5001, 0x5002])
  expect(bytes.includes('_Unwind')).toBe(false)
})

it('refuses a DLL without the entry', () => {
  expect(() => keepWindowsEntryExports(dllWith(['_Unwind_Resume', ENTRY[0]!]))).toThrow(
    `exports ${ENTRY[0]} of ${ENTRY.join(', ')}`,
  )
})

/** A bundle for macOS that exports those names, one letter deep under a common root; the function of the nth lies at 0x4000 + n. */
function bundleWith(names: string[]): string {
  const bytes = Buffer.alloc(0x2000)
  bytes.writeUInt32LE(0xfeedfacf)
  bytes.writeUInt32LE(3, 16)
  const [symbols, trie, signature] = [32, 56, 72]
  const [table, strings, tree, blob] = [0x200, 0x400, 0x800, 0x1000]
  for (const [at, kind, size] of [
    [symbols, 0x2, 24],
    [trie, 0x80000033, 16],
    [signature, 0x1d, 16],
  ] as const) {
    bytes.writeUInt32LE(kind, at)
    bytes.writeUInt32LE(size, at + 4)
  }
  for (const [at, value] of [table, names.length, strings].entries())
    bytes.writeUInt32LE(value, symbols + 8 + 4 * at)
  for (const [index, name] of names.entries()) {
    bytes.writeUInt32LE(0x40 * index + 1, table + 16 * index)
    bytes[table + 16 * index + 4] = 0x0f
    bytes.write(name, strings + 0x40 * index + 1)
  }
  // Each name is an edge '_', whose node has the rests of all names: the tree is read, and not only a list.
  const rests = names.map((name) => Buffer.from(`${name.slice(1)}\0`))
  const inner = 5
  const leaves = inner + 2 + rests.reduce((sum, rest) => sum + rest.length + 2, 0)
  const offset = (value: number) => [(value & 127) | 128, value >> 7]
  const nodes = [
    Buffer.from([0, 1, 0x5f, 0, inner, 0, names.length]),
    ...rests.flatMap((rest, index) => [rest, Buffer.from(offset(leaves + 6 * index))]),
    ...names.map((_, index) => Buffer.from([4, 0, (index & 127) | 128, 0x80, 0x01, 0])),
  ]
  const size = Buffer.concat(nodes).copy(bytes, tree)
  bytes.writeUInt32LE(tree, trie + 8)
  bytes.writeUInt32LE(size, trie + 12)
  // A signature with a directory of one page, whose hash is none yet.
  bytes.writeUInt32LE(blob, signature + 8)
  bytes.writeUInt32BE(1, blob + 8)
  bytes.writeUInt32BE(20, blob + 16)
  const directory = blob + 20
  bytes.writeUInt32BE(0xfade0c02, directory)
  for (const [at, value] of [
    [16, 44],
    [28, 1],
    [32, blob],
  ] as const)
    bytes.writeUInt32BE(value, directory + at)
  bytes[directory + 39] = 14
  const file = path.join(temporary, `${names.length}.dylib`)
  writeFileSync(file, bytes)
  return file
}

it('leaves a bundle for macOS its Node-API entry, and signs it anew', () => {
  const entry = ENTRY.map((name) => `_${name}`)
  const file = bundleWith(['__Znwm', entry[0]!, '_free', entry[1]!])
  keepMacosEntryExports(file)
  expect(readBinaryFile(file).exports).toEqual(entry)
  const bytes = readFileSync(file)
  const hash = createHash('sha256').update(bytes.subarray(0, 0x1000)).digest()
  expect(bytes.subarray(0x1000 + 20 + 44, 0x1000 + 20 + 76)).toEqual(hash)
  const tree = bytes.subarray(0x800, 0x800 + bytes.readUInt32LE(56 + 12)).toString('latin1')
  expect(entry.every((name) => tree.includes(name))).toBe(true)
  expect(tree).not.toContain('Znwm')
})

it('refuses a bundle for macOS without the entry', () => {
  expect(() => keepMacosEntryExports(bundleWith(['_free']))).toThrow('exports nothing of')
})

it('names the symbol versions that the oldest systems lack', () => {
  const file = path.join(temporary, 'versions')
  const versions = [
    'GLIBC_2.17',
    'GLIBC_2.28',
    'GLIBC_2.34',
    'GLIBCXX_3.4.25',
    'GLIBCXX_3.4.30',
    'GLIBC_2.34',
    'GLIBC_ABI_DT_RELR',
  ]
  writeFileSync(file, ['', ...versions, 'GLIBC_2.99 in a sentence', ''].join('\0'))
  expect(tooNewSymbols(file)).toEqual(['GLIBCXX_3.4.30', 'GLIBC_2.34', 'GLIBC_ABI_DT_RELR'])
})
