// Loads and closes a guard again and again, then asks one for many verdicts; resident memory, descriptors and threads must stay:
// node scripts/soak/memory.mjs [--count N] [--seed N]. `count` cycles (default 200), and 100 times as many verdicts.
import { GenGuard } from '../../dist/index.js'
import { finish, handles, residentBytes, say, slope, soakArguments } from './support/soak.mjs'

/** What each cycle, and each hundred verdicts, may add to resident memory, native memory included. */
const MOST_BYTES = 32 * 1024

const { count, seed } = soakArguments({ count: 200 })
const OPTIONS = { model: 'demo', gpu: false, threads: 2, maxSequences: 8, contextSize: 1024 }
const faults = []

/** Takes `step` `count` times; the slope of memory over the last two thirds, when caches are full. */
async function grown(name, step) {
  const resident = []
  let before = null
  for (let i = 0; i < count; i++) {
    await step(i)
    resident.push(residentBytes())
    if (i === Math.floor(count / 3)) before = handles()
    if (i % 20 === 19) say(`${name} ${i + 1}: ${(resident.at(-1) / 2 ** 20).toFixed(1)} MiB`)
  }
  const bytes = slope(resident.slice(Math.floor(count / 3)))
  if (bytes > MOST_BYTES) faults.push(`${name}: ${Math.round(bytes)} bytes more in each step`)
  const after = handles()
  for (const kind of ['descriptors', 'threads']) {
    if (before && after[kind] > before[kind])
      faults.push(`${name}: ${after[kind]} ${kind}, and ${before[kind]} before`)
  }
  return bytes
}

const cycle = await grown('load and close', async (i) => {
  const guard = await GenGuard.load(OPTIONS)
  await guard.classify(`How do I bake bread number ${i}?`)
  await guard.close()
})
const guard = await GenGuard.load(OPTIONS)
const hundred = await grown('hundred verdicts', (i) =>
  Promise.all(
    Array.from({ length: 100 }, (_, k) => guard.classify(`How do I bake bread number ${i * 100 + k}?`)),
  ),
)
await guard.close()

finish({
  promise: 'loading, judging and closing leave nothing behind',
  figure: `${count} loads and closes: ${Math.round(cycle)} bytes each; ${count * 100} verdicts: ${Math.round(hundred)} bytes a hundred (bound: ${MOST_BYTES} each); descriptors and threads as before`,
  faults,
  seed,
})
