// Draws the rooms of lib/ from its imports, in Mermaid, into the Markdown that has a place for the drawing: `npm run rooms`.
// With --check (a part of `npm run lint`) it only says where the drawing is no longer what the code is, and where native code
// below the wrappers knows JavaScript. Biome's rules (biome.json) say which room may know which.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const lib = path.join(root, 'lib')
const PLACES = ['CONTRIBUTING.md', 'docs/architecture.md']
const [BEGIN, END] = ['<!-- rooms: written by `npm run rooms` -->', '<!-- rooms end -->']

/** What lies in lib itself is known by everybody, but for the public surface; lines to it would hide the others. */
const [SURFACE, WORDS] = ['index.ts', 'words']

const roomOf = (file) => (file.includes('/') ? file.split('/')[0] : file === SURFACE ? SURFACE : WORDS)

/** Imports of a module's text: what they name, and whether only types are taken. */
function importsOf(text) {
  const statements = text.matchAll(/^(?:import|export) (type )?([^'"]*?)from '(\.[^']+)'/gms)
  return [...statements].map(([, type, names, from]) => {
    const taken = names
      .replace(/[{}\s]+/g, ' ')
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean)
    return { from, types: type !== undefined || taken.every((name) => name.startsWith('type ')) }
  })
}

const files = readdirSync(lib, { recursive: true })
  .map((name) => String(name).replaceAll(path.sep, '/'))
  .filter((name) => name.endsWith('.ts'))
  .sort()

/** Every pair of rooms of which the first imports the second; true where it takes more than types. */
function doors() {
  const found = new Map()
  for (const file of files) {
    for (const { from, types } of importsOf(readFileSync(path.join(lib, file), 'utf8'))) {
      const target = path.posix.join(path.posix.dirname(file), from)
      const [here, there] = [roomOf(file), roomOf(target)]
      if (here === there || here === WORDS || there === WORDS) continue
      const key = `${here} ${there}`
      found.set(key, (found.get(key) ?? false) || !types)
    }
  }
  return found
}

/** A room and the folders in it. */
function label(room) {
  if (room === SURFACE) return SURFACE
  const folders = files
    .filter((file) => file.startsWith(`${room}/`))
    .map((file) => path.posix.dirname(file).slice(room.length + 1))
  return [`<b>${room}</b>`, ...[...new Set(folders)].filter(Boolean).sort()].join('<br/>')
}

function drawing() {
  const rooms = [...new Set(files.map(roomOf))].filter((room) => room !== WORDS)
  const id = (room) => room.replace(/\W/g, '_')
  const lines = [...doors()].sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    '```mermaid',
    'flowchart TD',
    ...rooms.sort().map((room) => `  ${id(room)}["${label(room)}"]`),
    '  native[["<b>native</b><br/>the addon, C++"]]',
    ...lines.map(
      ([key, values]) =>
        `  ${key
          .split(' ')
          .map(id)
          .join(values ? ' --> ' : ' -.-> ')}`,
    ),
    '  binding --> native',
    '```',
  ].join('\n')
}

const check = process.argv.includes('--check')
for (const room of ['core', 'cpu']) {
  for (const name of readdirSync(path.join(root, 'native', room))) {
    const text = readFileSync(path.join(root, 'native', room, name), 'utf8')
    if (!/#include\s*["<](napi\.h|(js_)?native_api\.h|node_api\.h|\.\.\/)/.test(text)) continue
    console.error(`native/${room}/${name}: what lies there knows no JavaScript, and nothing of the wrappers`)
    process.exitCode = 1
  }
}
const drawn = drawing()
for (const name of PLACES) {
  const file = path.join(root, name)
  const text = readFileSync(file, 'utf8')
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from === -1 || to < from) throw new Error(`${name} has no place for the drawing: ${BEGIN} … ${END}`)
  const fresh = `${text.slice(0, from + BEGIN.length)}\n\n${drawn}\n\n${text.slice(to)}`
  if (fresh === text) continue
  if (check) {
    console.error(`${name}: the drawing is not what lib/ imports: npm run rooms`)
    process.exitCode = 1
  } else writeFileSync(file, fresh)
}
