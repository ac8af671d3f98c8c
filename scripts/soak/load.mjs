// 1,000 streams at once for an engine of 64, with aborts, slow consumers, sources that throw or stall, and bursts:
// node scripts/soak/load.mjs [--seconds N] [--seed N]. Every round ends with every stream accounted for.
import { setTimeout as sleep } from 'node:timers/promises'
import { StreamGuard } from '../../dist/index.js'
import { fairness } from './support/fairness.mjs'
import { finish, percentile, randomOf, residentBytes, say, slope, soakArguments } from './support/soak.mjs'
import { ABORTED, caseOf, KINDS, moderated } from './support/streams.mjs'

const SEQUENCES = 64
const OFFERED = 1000
/** A round of these has places in the line for everybody; of every third one, for this many. */
const SHORT_LINE = 100
/** Of resident memory, per round, once the first third of the rounds is over. */
const MOST_GROWTH = 256 * 1024

const { seconds, seed } = soakArguments({ seconds: 60 })
const random = randomOf(seed)
const faults = []
const ends = {}
const waits = []
const resident = []
const refusals = []
let mostQueued = 0
let streams = 0

const load = (maxQueue) =>
  StreamGuard.load({ model: 'demo', gpu: false, maxSequences: SEQUENCES, contextSize: 512, maxQueue })

async function round(guard, maxQueue, number) {
  const watch = setInterval(() => {
    const { queued } = guard.stats()
    mostQueued = Math.max(mostQueued, queued)
    if (queued > maxQueue) faults.push(`${queued} wait where ${maxQueue} may`)
  }, 5)
  const running = []
  // In bursts, not all in one turn of the event loop.
  while (running.length < OFFERED) {
    const burst = Math.min(OFFERED - running.length, 1 + Math.floor(random() * 250))
    for (let i = 0; i < burst; i++) {
      const kind = KINDS[Math.floor(random() * KINDS.length)]
      running.push(moderated(guard, caseOf(random), kind, random))
    }
    await sleep(random() * 20)
  }
  const results = await Promise.all(running)
  clearInterval(watch)
  for (const { kind, end, fault, firstMs } of results) {
    streams += 1
    ends[end] = (ends[end] ?? 0) + 1
    if (fault) faults.push(`round ${number}, ${kind}: ${fault}`)
    if (end === 'overload') refusals.push(firstMs)
    else if (firstMs !== null && kind === 'plain') waits.push(firstMs)
    if (end === 'overload' && maxQueue >= OFFERED)
      faults.push(`round ${number}: refused where there was a place`)
    if (end === ABORTED && kind !== 'aborts' && kind !== 'stalls')
      faults.push(`${kind} was aborted by nobody`)
  }
  // What was broken off ends with the tick in hand.
  for (let i = 0; i < 200 && guard.stats().openSequences + guard.stats().queued > 0; i++) await sleep(10)
  const { openSequences, queued, cellsUsed } = guard.stats()
  if (openSequences + queued + cellsUsed > 0) {
    faults.push(
      `round ${number}: ${openSequences} sequences, ${queued} in the line, ${cellsUsed} cells are not back`,
    )
  }
}

const long = await load(OFFERED)
const short = await load(SHORT_LINE)
const until = performance.now() + seconds * 1000
let rounds = 0
do {
  const overload = rounds % 3 === 2
  await round(overload ? short : long, overload ? SHORT_LINE : OFFERED, rounds)
  rounds += 1
  resident.push(residentBytes())
  say(
    `round ${rounds}: ${streams} streams, ${JSON.stringify(ends)}, ${Math.round(resident.at(-1) / 2 ** 20)} MiB`,
  )
} while (performance.now() < until || rounds < 3)

const fair = await fairness(long, SEQUENCES)
const crowded = await fairness(long, SEQUENCES / 2, SEQUENCES / 4)
for (const { worst } of [fair, crowded])
  if (worst > 2) faults.push(`a stream waited ${worst.toFixed(2)} times the median`)
if (!ends.overload) faults.push('nobody was refused in a round for too many')
// A refusal costs the event loop's turns, and no decode of others.
const [refusedMs, waitedMs] = [percentile(refusals, 0.99), percentile(waits, 0.99)]
if (refusedMs > waitedMs) faults.push(`a refusal took ${refusedMs} ms, what was judged ${waitedMs} ms`)
const late = resident.slice(Math.floor(rounds / 3))
const growth = late.length >= 8 ? slope(late) : 0
if (growth > MOST_GROWTH) faults.push(`${Math.round(growth / 1024)} KiB more in every round`)
await Promise.all([long.close(), short.close()])

const ms = (part) => Math.round(percentile(waits, part))
finish({
  promise: `${OFFERED} streams offered at once to an engine for ${SEQUENCES}: none lost, none released unjudged, all places back`,
  figure:
    `${streams} streams in ${rounds} rounds (${Object.entries(ends)
      .map(([name, n]) => `${n} ${name}`)
      .join(', ')}); ` +
    `first event after ${ms(0.5)}, ${ms(0.95)}, ${ms(0.99)} ms (50, 95, 99 %), a refusal after ${Math.round(refusedMs)} ms (99 %); ` +
    `at most ${mostQueued} in the line; of equal streams the slowest waits ${fair.worst.toFixed(2)} times the median, beside long prompts ${crowded.worst.toFixed(2)} times; ` +
    (late.length >= 8 ? `${Math.round(growth / 1024)} KiB a round` : 'memory: too few rounds to tell'),
  faults,
  seed,
})
