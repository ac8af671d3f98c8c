// Leaves the Node-API entry alone in what a bundle for macOS exports. zig's linker has no option for it, and lets everything of its
// C++ library be seen; of such names the loader takes one for all libraries of a process.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { BuildError } from '../llama-source.mjs'

const ENTRY = ['_napi_register_module_v1', '_node_api_module_get_api_version_v1']
const [SYMBOL_TABLE, CODE_SIGNATURE, DYLD_INFO, EXPORTS_TRIE] = [0x2, 0x1d, 0x80000022, 0x80000033]
/** Of a symbol's type: seen by others; by this file's parts alone. */
const [EXTERNAL, PRIVATE] = [0x01, 0x10]
const CODE_DIRECTORY = 0xfade0c02

/** Rewrites the file in place, and its signature's hashes. @throws BuildError if a function of the entry is not exported */
export function keepMacosEntryExports(file) {
  const bytes = readFileSync(file)
  const commands = commandsOf(bytes)
  const info = commands.get(DYLD_INFO)
  const trie = info === undefined ? commands.get(EXPORTS_TRIE) + 8 : info + 40
  const [from, size] = [bytes.readUInt32LE(trie), bytes.readUInt32LE(trie + 4)]
  const addresses = exportsOf(bytes.subarray(from, from + size))
  const kept = ENTRY.filter((name) => addresses.has(name))
  if (kept.length !== ENTRY.length) {
    throw new BuildError(`${file} exports ${kept.join(', ') || 'nothing'} of ${ENTRY.join(', ')}`)
  }
  const smaller = trieOf(ENTRY.map((name) => [name, addresses.get(name)]))
  if (smaller.length > size) throw new BuildError(`${file} has no room for its own exports`)
  bytes.fill(0, from, from + size)
  smaller.copy(bytes, from)
  bytes.writeUInt32LE(smaller.length, trie + 4)
  hideOthers(bytes, commands.get(SYMBOL_TABLE))
  sign(bytes, commands.get(CODE_SIGNATURE))
  writeFileSync(file, bytes)
}

/** Where each load command lies, by its kind. */
function commandsOf(bytes) {
  const found = new Map()
  for (let at = 32, left = bytes.readUInt32LE(16); left > 0; left--, at += bytes.readUInt32LE(at + 4)) {
    found.set(bytes.readUInt32LE(at), at)
  }
  return found
}

/** A number in sevens of bits, and where the next thing lies. */
function uleb(bytes, at) {
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]
    value += (byte & 127) * 2 ** shift
    if (byte < 128) return [value, at]
  }
}

function toUleb(value) {
  const out = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...out, rest])
    out.push((rest % 128) + 128)
  }
}

/** Addresses of the functions in a tree of names, by name. */
function exportsOf(trie, node = 0, name = '', found = new Map()) {
  const [terminal, content] = uleb(trie, node)
  if (terminal > 0) {
    const [, address] = uleb(trie, content)
    found.set(name, uleb(trie, address)[0])
  }
  let at = content + terminal
  for (let children = trie[at++]; children > 0; children--) {
    const end = trie.indexOf(0, at)
    const [child, next] = uleb(trie, end + 1)
    exportsOf(trie, child, name + trie.toString('latin1', at, end), found)
    at = next
  }
  return found
}

/** A tree of whole names under its root. */
function trieOf(entries) {
  const leaves = entries.map(([, address]) => {
    const content = Buffer.concat([toUleb(0), toUleb(address)])
    return Buffer.concat([toUleb(content.length), content, Buffer.from([0])])
  })
  // Offsets of leaves have one byte each: the root is far shorter than 128.
  const edges = (offsets) =>
    entries.map(([name], index) =>
      Buffer.concat([Buffer.from(`${name}\0`, 'latin1'), toUleb(offsets[index])]),
    )
  const head = Buffer.from([0, entries.length])
  const root = Buffer.concat([head, ...edges(entries.map(() => 0))]).length
  const offsets = leaves.map((_, index) =>
    leaves.slice(0, index).reduce((sum, leaf) => sum + leaf.length, root),
  )
  return Buffer.concat([head, ...edges(offsets), ...leaves])
}

/** Marks all defined symbols but the entry's as seen by this file alone. */
function hideOthers(bytes, table) {
  const [symbols, count, strings] = [8, 12, 16].map((at) => bytes.readUInt32LE(table + at))
  for (let at = symbols; at < symbols + 16 * count; at += 16) {
    const name = strings + bytes.readUInt32LE(at)
    const isDefined = (bytes[at + 4] & 0x0e) !== 0
    const isEntry = ENTRY.includes(bytes.toString('latin1', name, bytes.indexOf(0, name)))
    if (isDefined && (bytes[at + 4] & EXTERNAL) !== 0 && !isEntry) bytes[at + 4] |= PRIVATE
  }
}

/** An Apple processor runs no page that its hash does not fit: those of the linker's own signature are made anew. */
function sign(bytes, command) {
  if (command === undefined) return
  const blob = bytes.readUInt32LE(command + 8)
  for (let index = 0; index < bytes.readUInt32BE(blob + 8); index++) {
    const directory = blob + bytes.readUInt32BE(blob + 12 + 8 * index + 4)
    if (bytes.readUInt32BE(directory) !== CODE_DIRECTORY) continue
    const [hashes, pages, limit] = [16, 28, 32].map((at) => bytes.readUInt32BE(directory + at))
    const page = 2 ** bytes[directory + 39]
    for (let each = 0; each < pages; each++) {
      const part = bytes.subarray(each * page, Math.min((each + 1) * page, limit))
      createHash('sha256')
        .update(part)
        .digest()
        .copy(bytes, directory + hashes + 32 * each)
    }
  }
}
