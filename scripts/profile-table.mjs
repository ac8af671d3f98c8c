// Where the JS thread's time goes, from what `node --cpu-prof` writes: node scripts/profile-table.mjs [--per COUNT] PROFILE…
// A row for each file of the code, in microseconds of its own for each of COUNT; a column for each profile.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { per: { type: 'string', default: '1' }, rows: { type: 'string', default: '20' } },
})

/** What a stack's top belongs to: a file of ours, a package, Node.js itself, or one of V8's names in brackets. */
function placeOf({ functionName, url }) {
  if (url === '') return /^\(.*\)$/.test(functionName) ? functionName : 'native functions'
  if (url.startsWith('node:')) return 'Node.js'
  const dependency = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)
  return dependency?.[1] ?? url.replace(/^.*\/dist\//, 'lib/').replace(/\.js$/, '.ts')
}

/** Microseconds by place. The root is idle time, and no work. */
function ownTime(file) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'))
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
  const times = new Map()
  samples.forEach((id, i) => {
    const place = places.get(id)
    if (place !== '(idle)' && place !== '(root)') times.set(place, (times.get(place) ?? 0) + timeDeltas[i])
  })
  return times
}

const profiles = positionals.map(ownTime)
const per = Number(values.per)
const all = new Set(profiles.flatMap((times) => [...times.keys()]))
const largest = (place) => Math.max(...profiles.map((times) => times.get(place) ?? 0))
const sorted = [...all].sort((a, b) => largest(b) - largest(a)).slice(0, Number(values.rows))
const line = (cells) => console.log(`| ${cells.join(' | ')} |`)
const shown = (time) => (time / per).toFixed(1)
line(['', ...positionals.map((file) => file.replace(/^.*\//, ''))])
line(['---', ...positionals.map(() => '---')])
for (const place of sorted) line([place, ...profiles.map((times) => shown(times.get(place) ?? 0))])
line(['all', ...profiles.map((times) => shown([...times.values()].reduce((sum, time) => sum + time, 0)))])
