// node scripts/soak/texts.mjs [--count N] [--seconds N] [--seed N]
// Hostile texts and inputs through both demonstration models. `--count`: units of the longest text (default 10 MB). Each is
// judged or refused with a typed error; the table says what texts of 1, 2, 4, 8 and 10 MB take, and what holds the event loop.
// After `--seconds` (default 600) it leaves out what remains, and says so. The last line is JSON: promise, figure, ok, seed.
import { GenGuard, StreamGuard } from '../../dist/index.js'
import { outcomeOf } from './mutants/answering.mjs'
import { ENDED_BY_SIGNAL, given, inputEntries, PASS_ON, textEntries } from './mutants/entries.mjs'
import { calledSafe, injectionFindings } from './mutants/injection.mjs'
import { watchLoop } from './mutants/loop-holds.mjs'
import { flags, report } from './mutants/soak.mjs'
import { blocks, ODD_INPUTS, SHAPES } from './mutants/texts.mjs'

const LONGEST_HOLD_MS = 50
const LONGEST_MS = 5000
const TRIES = 4
/** Time that grows with the square of a text's length makes this 16. */
const MOST_FOR_FOUR_TIMES_THE_LENGTH = 10
const MB = 1 << 20
/** What a text may end in. */
const ENDS = new Set([
  'judged',
  'ERR_UNAVAILABLE',
  'ERR_TOO_LONG',
  'ERR_GEN_FORMAT',
  'TypeError',
  'RangeError',
  'aborted',
])

const { count, seconds, seed } = flags({ count: 10 * MB, seconds: 600 })
const started = Date.now()
const long = count >= MB
const isOver = () => Date.now() - started > seconds * 1000
/** Judging megabytes in windows takes minutes: what counts is that the loop goes on, and an abort ends it. */
const ABORTED_AFTER_MS = long ? 1000 : 100
const options = { model: 'demo', gpu: false, contextSize: 2048 }
const [gen, stream] = [await GenGuard.load(options), await StreamGuard.load(options)]
const findings = []
const found = (what) => {
  findings.push(what)
  console.error(`found: ${what}`)
}
let tried = 0
let longestHold = 0
let growth = 0

const ways = textEntries({ gen, stream })
let skipped = 0
try {
  await gen.classify('hi')
  await stream.classifyPrompt('hi')
  const { entries, close } = await inputEntries({ gen, stream })
  for (const [name, make] of Object.entries(ODD_INPUTS)) {
    for (const [call, judge] of Object.entries(entries)) {
      const { outcome, ms } = await timed(() => judge(make()))
      tried += 1
      const passedOn = PASS_ON.has(call) && /^untyped: (?:Error: no|undefined)/.test(outcome)
      if (!ENDS.has(outcome) && !passedOn) found(`${name} to ${call}: ${outcome}`)
      if (ms > LONGEST_MS) found(`${name} to ${call}: ${Math.round(ms)} ms`)
    }
  }
  await close()
  for (const finding of await injectionFindings(stream)) found(finding)
  const safe = await calledSafe(gen, stream)
  console.error(
    `a harmful question with an attack behind it is called Safe by the demonstration models: Gen ${safe.gen} of 200, Stream ${safe.stream}`,
  )
  const sizes = [1, 2, 4, 8].map((n) => n * MB).filter((size) => size < count)
  for (const [shape, make] of Object.entries(SHAPES)) {
    if (isOver()) skipped += 1
    else await table(shape, make, [...sizes, count])
  }
  for (const block of blocks()) {
    const first = block.codePointAt(0)
    if (!isTried(first)) continue
    if (isOver()) skipped += 1
    else
      for (const way of ['Gen prompt', 'Stream prompt', 'Stream reply'])
        await once(`block U+${first.toString(16)}`, way, block)
  }
} finally {
  await gen.close()
  await stream.close()
}
report({
  promise: 'A text is judged or refused, and never holds the event loop',
  figure: [
    `${tried} inputs and 200 injections, ${findings.length} findings`,
    `loop held ${Math.round(longestHold)} ms, four times the length ${growth.toFixed(1)} times the time at most`,
    ...(skipped > 0 ? [`${skipped} shapes and blocks left out for want of time`] : []),
  ].join('; '),
  ok: findings.length === 0,
  seed,
  seconds: Math.round((Date.now() - started) / 1000),
})

/** All blocks of the planes in which there are characters; of others one in 64. The short form leaves out more. */
function isTried(first) {
  const number = first >> 8
  if (number % 64 === 0) return true
  const assigned = number < 0x330 || (number >= 0xe00 && number < 0xe10)
  return assigned && (long || number % 16 === 0)
}

/** A line for each way: what texts of these sizes take, and for how long they hold the loop at most. */
async function table(shape, make, sizes) {
  const texts = sizes.map(make)
  for (const way of Object.keys(ways)) {
    const cells = []
    const times = new Map()
    const aborted = ENDED_BY_SIGNAL.has(way)
    for (const text of aborted ? texts.slice(-1) : texts) {
      const { outcome, ms, hold } = await once(shape, way, text)
      times.set(text.length, ms)
      cells.push(`${Math.round(ms)} ms (held ${Math.round(hold)}) ${outcome}`)
    }
    console.error(`${shape}, ${way}: ${cells.join(' | ')}`)
    let [shorter, longer] = [times.get(2 * MB), times.get(8 * MB)]
    // The machine does other things besides: of several tries the shortest counts, and what takes less is mostly the same for any length.
    for (let i = 1; i < TRIES && shorter > 50 && longer / shorter > MOST_FOR_FOUR_TIMES_THE_LENGTH; i++) {
      longer = Math.min(longer, (await once(shape, way, make(8 * MB))).ms)
    }
    if (shorter > 50) growth = Math.max(growth, longer / shorter)
    if (longer > LONGEST_MS) found(`${shape}, ${way}: ${Math.round(longer)} ms`)
    if (shorter > 50 && longer / shorter > MOST_FOR_FOUR_TIMES_THE_LENGTH)
      found(`${shape}, ${way}: four times the length takes ${(longer / shorter).toFixed(1)} times the time`)
  }
}

/** What the machine does besides holds the loop too: of several tries the shortest hold counts. */
async function once(shape, way, text) {
  tried += 1
  const input = given(way, text)
  let best = null
  for (let i = 0; i < TRIES && !(best?.hold <= LONGEST_HOLD_MS); i++) {
    const result = await timed(() => ways[way](input, AbortSignal.timeout(ABORTED_AFTER_MS)))
    if (best === null || result.hold < best.hold) best = result
  }
  longestHold = Math.max(longestHold, best.hold)
  if (!ENDS.has(best.outcome)) found(`${shape}, ${way}: ${best.outcome}`)
  if (best.hold > LONGEST_HOLD_MS)
    found(`${shape} of ${text.length}, ${way}: the loop is held for ${Math.round(best.hold)} ms`)
  return best
}

async function timed(work) {
  const watched = watchLoop()
  const from = performance.now()
  let outcome = 'judged'
  try {
    await work()
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) outcome = error.name
    else if (error?.name === 'TimeoutError') outcome = 'aborted'
    else outcome = outcomeOf(error)
    if (outcome === 'RangeError' && /call stack|array length|string length/i.test(error.message))
      outcome = error.stack
  }
  const ms = performance.now() - from
  return { outcome, ms, hold: watched() }
}
