// Where the JS thread's time goes, from what `node --cpu-prof` writes: node scripts/profile-table.mjs [--per COUNT] PROFILE…
// A row for each file of the code, in microseconds of its own for each of COUNT; a column for each profile.
import { parseArgs } from 'node:util'
import { placeOf, readProfile } from './profile-places.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { per: { type: 'string', default: '1' }, rows: { type: 'string', default: '20' } },
})

/** Microseconds by place. */
function ownTime(file) {
  const { nodes, times } = readProfile(file)
  const places = new Map()
  for (const { id, callFrame } of nodes) {
    const time = times.get(id) ?? 0
    if (time > 0) places.set(placeOf(callFrame), (places.get(placeOf(callFrame)) ?? 0) + time)
  }
  return places
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
