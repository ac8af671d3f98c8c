// Draws what `node --cpu-prof` writes as flame graphs, one for each profile and all on one scale:
// node scripts/flame-graph.mjs [--per COUNT] [--least MICROSECONDS] PROFILE… > docs/flame-graph.svg
import path from 'node:path'
import { parseArgs } from 'node:util'
import { placeOf, readProfile } from './profile-places.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { per: { type: 'string', default: '1' }, least: { type: 'string' } },
})
const PLOT = { width: 1000, margin: 16, row: 16, character: 6.1 }
const KINDS = ['ours', 'package', 'node', 'rest']

/** A profile as a tree of frames: those of one label that one frame calls are one. */
function treeOf(file) {
  const { nodes, times } = readProfile(file)
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const top = { time: 0, place: '', children: new Map() }
  const add = (node, caller) => {
    const frame = frameOf(node.callFrame, caller)
    const called = (node.children ?? []).reduce((sum, id) => sum + add(byId.get(id), frame), 0)
    const time = (times.get(node.id) ?? 0) + called
    if (frame !== caller) frame.time += time
    return time
  }
  for (const id of nodes[0].children ?? []) top.time += add(byId.get(id), top)
  return { name: path.basename(file, '.cpuprofile'), ...top }
}

/** The frame within its caller. What Node.js or a package calls of its own would be high towers: it counts as its caller's. */
function frameOf(callFrame, caller) {
  const place = placeOf(callFrame)
  if (kindOf(place) !== 'ours' && place === caller.place) return caller
  const label = nameOf(callFrame.functionName, place)
  if (!caller.children.has(label)) caller.children.set(label, { label, place, time: 0, children: new Map() })
  return caller.children.get(label)
}

function nameOf(functionName, place) {
  if (place === functionName) return place.replace(/^\((.*)\)$/, '$1')
  return `${functionName || '(anonymous)'} · ${place}`
}

function kindOf(place) {
  if (/^(lib|bench)\//.test(place)) return 'ours'
  if (place === 'Node.js') return 'node'
  return place.startsWith('(') || place === 'native functions' ? 'rest' : 'package'
}

/** Every frame with its place in its graph. What is thinner than the least is one frame with its like, if that is wide enough. */
function* laidOut(frame, least, start = 0, depth = 0) {
  const wide = [...frame.children.values()].filter(({ time }) => time >= least)
  const thin = [...frame.children.values()].filter(({ time }) => time < least && time > 0)
  const together = thin.reduce((sum, { time }) => sum + time, 0)
  wide.sort((a, b) => b.time - a.time)
  if (together >= least) {
    wide.push({ label: `${thin.length} thinner frames`, place: '()', time: together, children: new Map() })
  }
  for (const child of wide) {
    yield { ...child, start, depth }
    yield* laidOut(child, least, start, depth + 1)
    start += child.time
  }
}

const graphs = positionals.map(treeOf)
const per = Number(values.per)
const longest = Math.max(...graphs.map(({ time }) => time))
const least = values.least === undefined ? longest / 300 : Number(values.least) * per
const scale = (PLOT.width - 2 * PLOT.margin) / longest
const shown = (time) => `${(time / per).toFixed(1)} µs`
const short = (number) => String(Number(number.toFixed(1)))
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** Text that fits into a width, or none. */
function fitting(text, width) {
  const room = Math.floor((width - 4) / PLOT.character)
  if (text.length <= room) return text
  return room < 4 ? '' : `${text.slice(0, room - 1)}…`
}

function frameSvg({ label, place, time, start, depth }, base) {
  const x = PLOT.margin + start * scale
  const y = base - (depth + 1) * PLOT.row
  const text = fitting(label, time * scale)
  const box = `<rect class="${kindOf(place)}" x="${short(x)}" y="${y}" width="${short(time * scale)}" height="15"/>`
  const words = text && `<text x="${short(x + 3)}" y="${y + 11}">${escaped(text)}</text>`
  return `<g><title>${escaped(label)}: ${shown(time)}</title>${box}${words}</g>`
}

/** A graph below a height, and the height at which it ends: its title, then its frames from the top of the stacks down. */
function graphSvg({ name, ...tree }, top) {
  const frames = [...laidOut(tree, least)]
  const base = top + 24 + PLOT.row * (Math.max(...frames.map(({ depth }) => depth)) + 1)
  const title = `<text class="head" x="${PLOT.margin}" y="${top + 14}">${escaped(name)}: ${shown(tree.time)}</text>`
  return { end: base + 12, lines: [title, ...frames.map((frame) => frameSvg(frame, base))] }
}

const lines = []
let height = 30
for (const graph of graphs) {
  const { end, lines: drawn } = graphSvg(graph, height)
  lines.push(...drawn)
  height = end
}
const fills = (...colours) => colours.map((colour, i) => `.${KINDS[i]}{fill:${colour}}`).join('')
const legend = ['this package', 'packages', 'Node.js', 'V8, native functions, thinner frames']
const keys = legend.map(
  (words, i) =>
    `<rect class="${KINDS[i]}" x="${16 + i * 120}" y="10" width="11" height="11"/><text x="${31 + i * 120}" y="19">${words}</text>`,
)
console.log(
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${PLOT.width}" height="${height}" viewBox="0 0 ${PLOT.width} ${height}">`,
    `<title>Flame graphs of ${graphs.map(({ name, time }) => `${escaped(name)} (${shown(time)})`).join(' and ')}</title>`,
    `<style>text{font:10px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1f2328}.head{font-size:13px}`,
    `rect{stroke:#fff;stroke-width:.5}.back{fill:#fff}${fills('#ffc078', '#a5d8a0', '#a9cdf5', '#d5d9de')}`,
    `@media(prefers-color-scheme:dark){text{fill:#e6edf3}rect{stroke:#0d1117}.back{fill:#0d1117}${fills('#8a4b10', '#2c6336', '#28528a', '#474e57')}}</style>`,
    '<rect class="back" width="100%" height="100%" rx="8"/>',
    ...keys,
    `<text x="${PLOT.width - PLOT.margin}" y="19" text-anchor="end">frames under ${(least / per).toFixed(2)} µs left out</text>`,
    ...lines,
    '</svg>',
  ].join('\n'),
)
