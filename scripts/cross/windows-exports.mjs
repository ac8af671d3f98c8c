// Leaves the Node-API entry alone in a DLL's export table. zig's unwinder is marked for export, which no linker option of
// zig takes back; two addons in one process would offer it under the same names.
import { readFileSync, writeFileSync } from 'node:fs'
import { BuildError } from '../llama-source.mjs'

const ENTRY = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** Rewrites the file's table in place. @throws BuildError if a function of the entry is not in it */
export function keepWindowsEntryExports(file) {
  const bytes = readFileSync(file)
  const header = bytes.readUInt32LE(0x3c)
  const optional = header + 24
  const sections = optional + bytes.readUInt16LE(header + 20)
  const offset = (address) => {
    for (let at = sections, left = bytes.readUInt16LE(header + 6); left > 0; left--, at += 40) {
      const from = address - bytes.readUInt32LE(at + 12)
      if (from >= 0 && from < bytes.readUInt32LE(at + 8)) return bytes.readUInt32LE(at + 20) + from
    }
    throw new BuildError(`${file} has no section at address ${address.toString(16)}`)
  }
  const table = offset(bytes.readUInt32LE(optional + 112))
  const [functions, names, ordinals] = [28, 32, 36].map((at) => offset(bytes.readUInt32LE(table + at)))
  const count = bytes.readUInt32LE(table + 24)
  const found = Array.from({ length: count }, (_, index) => {
    const name = bytes.readUInt32LE(names + 4 * index)
    const at = offset(name)
    const ordinal = bytes.readUInt16LE(ordinals + 2 * index)
    const code = bytes.readUInt32LE(functions + 4 * ordinal)
    return { name, at, text: bytes.toString('latin1', at, bytes.indexOf(0, at)), code }
  })
  // As sorted as they were: Windows looks names up by halves.
  const kept = found.filter(({ text }) => ENTRY.includes(text))
  if (kept.length !== ENTRY.length)
    throw new BuildError(
      `${file} exports ${kept.map(({ text }) => text).join(', ') || 'nothing'} of ${ENTRY.join(', ')}`,
    )
  for (const { at, text } of found) if (!ENTRY.includes(text)) bytes.fill(0, at, at + text.length)
  bytes.fill(0, functions, functions + 4 * bytes.readUInt32LE(table + 20))
  bytes.fill(0, names, names + 4 * count)
  bytes.fill(0, ordinals, ordinals + 2 * count)
  for (const [index, { name, code }] of kept.entries()) {
    bytes.writeUInt32LE(code, functions + 4 * index)
    bytes.writeUInt32LE(name, names + 4 * index)
    bytes.writeUInt16LE(index, ordinals + 2 * index)
  }
  bytes.writeUInt32LE(kept.length, table + 20)
  bytes.writeUInt32LE(kept.length, table + 24)
  writeFileSync(file, bytes)
}
