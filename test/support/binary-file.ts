// What a shared library of ELF, PE or Mach-O (64 bits, little endian) exports and needs, read off its headers, so that one
// machine can check every platform's.
import { readFileSync } from 'node:fs'

export interface BinaryFile {
  format: 'elf' | 'pe' | 'mach-o'
  /** Of ELF and Mach-O: all defined names that others can see. */
  exports: string[]
  needs: string[]
  /** Versions of symbols, such as GLIBC_2.17; ELF alone. */
  versions: string[]
  /** Whether there are symbols or debug information beside what the loader reads. */
  stripped: boolean
  /** Oldest system, such as 13.3; Mach-O alone. */
  minimumSystem?: string
}

/** @throws Error unless it is one of the three */
export function readBinaryFile(file: string): BinaryFile {
  const bytes = readFileSync(file)
  const magic = bytes.readUInt32BE(0)
  if (magic === 0x7f454c46) return elf(bytes)
  if (magic >>> 16 === 0x4d5a) return pe(bytes)
  if (magic === 0xcffaedfe) return machO(bytes)
  throw new Error(`expected ELF, PE or Mach-O, got ${magic.toString(16)} in ${file}`)
}

function text(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at, bytes.indexOf(0, at))
}

const long = (bytes: Buffer, at: number) => Number(bytes.readBigUInt64LE(at))

function elf(bytes: Buffer): BinaryFile {
  const count = bytes.readUInt16LE(0x3c)
  const sections = Array.from({ length: count }, (_, index) => {
    const at = long(bytes, 0x28) + index * 64
    return {
      name: bytes.readUInt32LE(at),
      type: bytes.readUInt32LE(at + 4),
      offset: long(bytes, at + 24),
      size: long(bytes, at + 32),
      link: bytes.readUInt32LE(at + 40),
      info: bytes.readUInt32LE(at + 44),
    }
  })
  const names = sections[bytes.readUInt16LE(0x3e)]!
  const ofType = (type: number) => sections.find((section) => section.type === type)
  const found: BinaryFile = { format: 'elf', exports: [], needs: [], versions: [], stripped: true }
  found.stripped = !sections.some(({ name }) => /^\.(symtab|debug_)/.test(text(bytes, names.offset + name)))
  const symbols = ofType(11)!
  for (let at = symbols.offset; at < symbols.offset + symbols.size; at += 24) {
    const bound = bytes[at + 4]! >> 4
    const defined = bytes.readUInt16LE(at + 6) !== 0
    if (bound !== 0 && defined) {
      found.exports.push(text(bytes, sections[symbols.link]!.offset + bytes.readUInt32LE(at)))
    }
  }
  const dynamic = ofType(6)!
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    if (long(bytes, at) === 1)
      found.needs.push(text(bytes, sections[dynamic.link]!.offset + long(bytes, at + 8)))
  }
  const needed = ofType(0x6ffffffe)
  for (let file = needed?.offset ?? 0, left = needed?.info ?? 0; left > 0; left--) {
    let at = file + bytes.readUInt32LE(file + 8)
    for (let entries = bytes.readUInt16LE(file + 2); entries > 0; entries--) {
      found.versions.push(text(bytes, sections[needed!.link]!.offset + bytes.readUInt32LE(at + 8)))
      at += bytes.readUInt32LE(at + 12)
    }
    file += bytes.readUInt32LE(file + 12)
  }
  return found
}

function pe(bytes: Buffer): BinaryFile {
  const header = bytes.readUInt32LE(0x3c)
  const optional = header + 24
  const table = optional + bytes.readUInt16LE(header + 20)
  const sections = Array.from({ length: bytes.readUInt16LE(header + 6) }, (_, index) => {
    const at = table + index * 40
    const name = bytes.toString('latin1', at, at + 8)
    return { name, start: bytes.readUInt32LE(at + 12), size: bytes.readUInt32LE(at + 8), at }
  })
  const offset = (address: number) => {
    const section = sections.find(({ start, size }) => address >= start && address < start + size)!
    return bytes.readUInt32LE(section.at + 20) + address - section.start
  }
  const directory = (index: number) => bytes.readUInt32LE(optional + 112 + index * 8)
  const found: BinaryFile = { format: 'pe', exports: [], needs: [], versions: [], stripped: true }
  found.stripped = bytes.readUInt32LE(header + 12) === 0 && !sections.some(({ name }) => /debug/.test(name))
  const exported = offset(directory(0))
  const pointers = offset(bytes.readUInt32LE(exported + 32))
  for (let index = 0; index < bytes.readUInt32LE(exported + 24); index++) {
    found.exports.push(text(bytes, offset(bytes.readUInt32LE(pointers + index * 4))))
  }
  for (let at = offset(directory(1)); bytes.readUInt32LE(at + 12) !== 0; at += 20) {
    found.needs.push(text(bytes, offset(bytes.readUInt32LE(at + 12))))
  }
  return found
}

function machO(bytes: Buffer): BinaryFile {
  const found: BinaryFile = { format: 'mach-o', exports: [], needs: [], versions: [], stripped: true }
  let at = 32
  for (let left = bytes.readUInt32LE(16); left > 0; left--) {
    const command = bytes.readUInt32LE(at)
    if (command === 0xc) found.needs.push(text(bytes, at + bytes.readUInt32LE(at + 8)))
    if (command === 0x32) {
      const version = bytes.readUInt32LE(at + 12)
      found.minimumSystem = `${version >> 16}.${(version >> 8) & 255}`
    }
    if (command === 2) {
      const strings = bytes.readUInt32LE(at + 16)
      for (let index = 0; index < bytes.readUInt32LE(at + 12); index++) {
        const symbol = bytes.readUInt32LE(at + 8) + index * 16
        const type = bytes[symbol + 4]!
        const isDebug = (type & 0xe0) !== 0
        const isDefined = (type & 0x0e) !== 0
        if (isDebug) found.stripped = false
        const isVisible = (type & 0x01) !== 0 && (type & 0x10) === 0
        if (isDefined && isVisible && !isDebug)
          found.exports.push(text(bytes, strings + bytes.readUInt32LE(symbol)))
      }
    }
    at += bytes.readUInt32LE(at + 4)
  }
  return found
}
