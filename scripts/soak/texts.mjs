// node scripts/soak/texts.mjs [--count N] [--seed N]
// Hostile texts and inputs through both demonstration models. `--count`: units of the longest text (default 10 MB). Each is
// judged or refused with a typed error; the table says what texts of 1, 2, 4, 8 MB take and hold the event loop.
// The last line is JSON: promise, figure, ok, seed.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { GenGuard, StreamGuard } from '../../dist/index.js'
import { outcomeOf } from './mutants/answering.mjs'
import { injectionFindings } from './mutants/injection.mjs'
import { flags, report } from './mutants/soak.mjs'
import { blocks, ODD_INPUTS, SHAPES } from './mutants/texts.mjs'

const LONGEST_HOLD_MS = 50
const TRIES = 4
const MB = 1 << 20
/** What a text may end in. */
const ENDS = new Set(['judged', 'ERR_TOO_LONG', 'ERR_GEN_FORMAT', 'TypeError', 'RangeError', 'aborted'])

const { count, seed } = flags({ count: 10 * MB })
const started = Date.now()
const options = { model: 'demo', gpu: false, contextSize: 2048 }
const [gen, stream] = [await GenGuard.load(options), await StreamGuard.load(options)]
const findings = []
const found = (what) => {
  findings.push(what)
  console.error(`found: ${what}`)
}
let tried = 0
let longestHold = 0

const ways = {
  'Gen prompt': (text) => gen.classify(text),
  'Gen reply': (text) => gen.classify([user('x'), { role: 'assistant', content: text }]),
  'Gen windows': (text, signal) => gen.classify(text, { tooLong: 'window', signal }),
  'Gen history': (text) => gen.classify([user(text), user('y')], { history: 'drop' }),
  'Stream prompt': (text) => stream.classifyPrompt(text),
  'Stream reply': (text, signal) => pushed(text, { signal }),
  'Stream slide': (text, signal) => pushed(text, { tooLong: 'slide', signal }),
}

try {
  await gen.classify('hi')
  await stream.classifyPrompt('hi')
  const sizes = [1, 2, 4, 8].map((n) => n * MB).filter((size) => size < count)
  for (const [shape, make] of Object.entries(SHAPES)) await table(shape, make, [...sizes, count])
  const long = count >= 4 * MB
  for (const [i, block] of [...blocks()].entries()) {
    if (!long && i > 256 && i % 64 !== 0) continue
    for (const way of ['Gen prompt', 'Stream prompt', 'Stream reply'])
      await once(`block ${block.codePointAt(0)}`, way, block)
  }
  for (const [name, make] of Object.entries(ODD_INPUTS)) {
    for (const [call, judge] of Object.entries(CALLS())) {
      const { outcome, ms } = await timed(() => judge(make()))
      tried += 1
      if (!ENDS.has(outcome)) found(`${name} to ${call}: ${outcome}`)
      if (ms > 5000) found(`${name} to ${call}: ${Math.round(ms)} ms`)
    }
  }
  for (const finding of await injectionFindings(stream)) found(finding)
} finally {
  await gen.close()
  await stream.close()
}
report({
  promise: 'A text is judged or refused, and never holds the event loop',
  figure: `${tried} inputs and 200 injections, ${findings.length} findings; loop held ${Math.round(longestHold)} ms at most`,
  ok: findings.length === 0,
  seed,
  seconds: Math.round((Date.now() - started) / 1000),
})

function CALLS() {
  return {
    classify: (input) => gen.classify(input),
    classifyPrompt: (input) => stream.classifyPrompt(input),
    open: async (input) => await (await stream.open(input)).close(),
    push: (input) => pushed(input, {}),
  }
}

function user(content) {
  return { role: 'user', content }
}

async function pushed(text, openOptions) {
  const moderation = await stream.open('x', openOptions)
  try {
    await moderation.push(text)
    await moderation.end()
  } finally {
    await moderation.close()
  }
}

/** A line for each way: what texts of these sizes take, and for how long they hold the loop at most. */
async function table(shape, make, sizes) {
  const texts = sizes.map(make)
  for (const way of Object.keys(ways)) {
    const cells = []
    for (const text of texts) {
      const { outcome, ms, hold } = await once(shape, way, text)
      cells.push(
        `${Math.round(ms)} ms${hold > LONGEST_HOLD_MS ? ` (${Math.round(hold)} held)` : ''} ${outcome}`,
      )
    }
    console.error(`${shape}, ${way}: ${cells.join(' | ')}`)
  }
}

/** What the machine does besides holds the loop too: of several tries the shortest hold counts. */
async function once(shape, way, text) {
  tried += 1
  let best = null
  for (let i = 0; i < TRIES && !(best?.hold <= LONGEST_HOLD_MS); i++) {
    const result = await timed(() => ways[way](text, AbortSignal.timeout(1000)))
    if (best === null || result.hold < best.hold) best = result
  }
  longestHold = Math.max(longestHold, best.hold)
  if (!ENDS.has(best.outcome)) found(`${shape}, ${way}: ${best.outcome}`)
  if (best.hold > LONGEST_HOLD_MS)
    found(`${shape} of ${text.length}, ${way}: the loop is held for ${best.hold} ms`)
  return best
}

async function timed(work) {
  const delay = monitorEventLoopDelay({ resolution: 2 })
  delay.enable()
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
  await new Promise((resolve) => setTimeout(resolve, 4))
  delay.disable()
  return { outcome, ms, hold: delay.max / 1e6 }
}
