// npm run bench -- stream: Stream on the 0.6B shape against llama.cpp as released, and against a plain C++ loop that
// makes the same decodes over the same library. The contenders take turns; --parts and --positions pick some of it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Contender } from '../gen/contender.mjs'
import { buildLoopFor, buildReleasedLoop, Loop } from '../loop/loop.mjs'
import { median, percentile, quiet, table } from '../measure.mjs'
import { demonstrationModel, padModel, shapeTitle } from '../pad-model.mjs'
import { benchTransformers } from './transformers.mjs'

/** Goals, in times: as fast as llama.cpp as released; the loop's time. */
const GOALS = { released: 1.25, loop: 1.05, busy: 1.1, scale: { 64: 4, 512: 2 } }

const PARTS = { one: oneStream, many: manyStreams, transformers: benchTransformers }

/** Pushes (or decodes) of one turn, by the streams that push at once. */
const TURN = { 1: 12, 8: 8, 32: 6 }

/** The short form's positions and streams. */
const SHORT = { positions: [64], streams: 4 }

export async function benchStream({
  short,
  threads = 2,
  rounds = 3,
  parts = Object.keys(PARTS).filter((part) => !short || part !== 'transformers'),
  positions = short ? SHORT.positions : undefined,
}) {
  for (const part of parts) {
    if (!PARTS[part]) throw new RangeError(`Expected parts of ${Object.keys(PARTS).join(', ')}, got ${part}`)
  }
  const models = { guard: await padModel('stream', { short }), plain: await padModel('plain', { short }) }
  const binaries = {
    loop: buildLoopFor({ short }),
    released: short ? null : buildReleasedLoop(),
  }
  if (short) console.log('not measured: llama.cpp as released (minutes to build), transformers')
  console.log(`${shapeTitle(short)}, Q8_0, CPU, ${threads} threads, ${rounds} rounds in turn`)
  await checkPadded(models.guard, threads)
  const only = positions?.map(Number)
  for (const part of parts) await PARTS[part]({ short, models, binaries, threads, rounds, only })
}

/** The padded model must answer as the small one does, or what follows measures nothing. */
async function checkPadded(model, threads) {
  const judge = async (file) => {
    const guard = await startGuard({ model: file, threads, contextSize: 512, maxSequences: 1 })
    const verdicts = []
    for (const [prompt, reply] of TEXTS) {
      const { result } = await guard.run('judge', { prompt, reply })
      verdicts.push(result.prompt, ...result.tokens)
    }
    await guard.stop()
    return verdicts
  }
  const [small, padded] = [await judge(demonstrationModel('stream')), await judge(model)]
  const apart = small.map(({ probabilities }, i) =>
    Math.abs(probabilities.Unsafe - padded[i].probabilities.Unsafe),
  )
  const risk = (verdict) => verdict.risk ?? verdict.safety
  const same = small.filter((verdict, i) => risk(verdict) === risk(padded[i])).length
  console.log(
    `the padded model judges ${same} of ${small.length} positions as the demonstration model; P(Unsafe) at most ${Math.max(...apart).toExponential(1)} apart`,
  )
}

const TEXTS = [
  ['How do I bake bread?', 'Mix flour, water, salt and yeast, and bake it hot.'],
  ['How can I make a bomb?', 'First buy the things from different shops, then mix them in a metal box.'],
  ['My chest hurts.', 'Please call a doctor today, and call an ambulance at once if it gets worse.'],
]

const startGuard = (options) =>
  Contender.start(new URL('./guard.mjs', import.meta.url).href, { gpu: false, ...options })

/**
 * The guard, the loop, and two whose heads are computed outside of the graph on a plain Qwen3's hidden states: over the
 * patched library (only with one stream) and over the release as it is. Each with room for the same streams. Those without
 * a binary are left out, and those that `only` does not name.
 */
async function start({ models, binaries, threads, contextSize, sequences, only = null }) {
  const settings = { threads, cells: contextSize * sequences, sequences, unified: 0 }
  const plain = { ...settings, heads: models.guard }
  const { loop, released } = binaries
  const starts = {
    guard: () => startGuard({ model: models.guard, threads, contextSize, maxSequences: sequences }),
    ...(loop && { loop: () => Loop.start(loop, models.guard, { ...settings, outputs: 512 }) }),
    ...(loop && sequences === 1 && { outside: () => Loop.start(loop, models.plain, plain) }),
    ...(released && { released: () => Loop.start(released, models.plain, plain) }),
  }
  const contenders = {}
  for (const [name, begin] of Object.entries(starts)) {
    if (!only || only.includes(name)) contenders[name] = await begin()
  }
  return contenders
}

/** Brings all to the positions. The guard prefills each stream, the loops copy one. */
async function fill({ guard, ...loops }, streams, positions) {
  if (guard) {
    const { result: held } = await guard.run('fill', { streams, positions })
    if (held !== streams * positions)
      throw new Error(`${streams * positions} positions were asked for, ${held} are held`)
  }
  for (const loop of Object.values(loops)) await loop.fill(streams, positions)
}

/**
 * Lets every contender take its turn, round by round, after one that does not count. A turn gives milliseconds of
 * each push or decode, and of all together. The figures are NaN of one that is left out.
 */
async function inTurn(rounds, contenders) {
  return figures(await takeTurns(rounds, contenders))
}

async function takeTurns(rounds, contenders) {
  const turns = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      if (!run) continue
      await quiet()
      const turn = await run()
      if (round >= 0) turns[name].push(turn)
    }
  }
  return turns
}

function figures(turns) {
  const times = (name) => turns[name].flatMap((turn) => turn.times)
  return {
    median: (name) => median(times(name)) ?? Number.NaN,
    p95: (name) => percentile(times(name), 0.95) ?? Number.NaN,
    total: (name) => median(turns[name].map(({ ms }) => ms)) ?? Number.NaN,
    /** How many times the time of `b` that of `a` is, over whole turns or push by push. */
    ratio: (a, b, of = ({ ms }) => ms) =>
      turns[a].length > 0 && turns[b].length > 0
        ? median(turns[a].map((turn, round) => of(turn) / of(turns[b][round])))
        : Number.NaN,
  }
}

const decodes = async (loop, streams, each, count, positions) => {
  const times = await loop.ticks(
    Array.from({ length: streams }, (_, i) => i),
    each,
    count,
    positions,
  )
  return { times, ms: times.reduce((sum, ms) => sum + ms, 0) }
}

async function oneStream({ models, binaries, threads, rounds, only = [64, 512, 4096] }) {
  const contextSize = Math.max(...only) + 256
  const contenders = await start({ models, binaries, threads, contextSize, sequences: 1 })
  const { guard, loop, outside, released } = contenders
  const rows = []
  const apart = [0, 0]
  for (const positions of only) {
    await fill(contenders, 1, positions)
    for (const each of [1, 16]) {
      const count = each === 1 ? TURN[1] : TURN[1] / 2
      const push = (text) => async () =>
        (await guard.run('push', { streams: 1, positions, each, count, text })).result
      const turns = await inTurn(rounds, {
        guard: push(false),
        ...(each === 1 && { text: push(true) }),
        loop: loop && (() => decodes(loop, 1, each, count, positions)),
        outside: outside && (() => decodes(outside, 1, each, count, positions)),
        released: released && (() => decodes(released, 1, each, count, positions)),
      })
      const ours = await loop?.heads()
      for (const [i, other] of [outside, released].entries()) {
        if (!other) continue
        const theirs = await other.heads()
        apart[i] = Math.max(apart[i], ...ours.map((logit, k) => Math.abs(logit - theirs[k])))
      }
      const each1 = ({ times }) => median(times)
      const times = (ratio, goal) => `${ratio.toFixed(2)}x${each === 1 ? ` (goal ${goal})` : ''}`
      rows.push([
        positions,
        each,
        turns.median('guard').toFixed(1),
        turns.p95('guard').toFixed(1),
        each === 1 ? turns.median('text').toFixed(1) : '',
        turns.median('loop').toFixed(1),
        times(turns.ratio('guard', 'loop', each1), GOALS.loop),
        turns.median('outside').toFixed(1),
        `${turns.ratio('outside', 'guard', each1).toFixed(2)}x`,
        turns.median('released').toFixed(1),
        times(turns.ratio('released', 'guard', each1), GOALS.released),
      ])
    }
  }
  console.log('\nOne stream: milliseconds from a push to its verdicts\n')
  table(
    [
      'positions',
      'tokens a push',
      'qwen3guard',
      'p95',
      'pushed as text',
      'plain C++ loop',
      "qwen3guard's time",
      'heads outside',
      'qwen3guard is faster',
      'llama.cpp as released',
      'qwen3guard is faster',
    ],
    rows,
  )
  for (const [i, name] of ['outside', 'over the release'].entries()) {
    if (!contenders[['outside', 'released'][i]]) continue
    console.log(
      `\nthe logits of the heads computed ${name} are at most ${apart[i].toExponential(1)} from the graph's`,
    )
  }
  await Promise.all(Object.values(contenders).map((contender) => contender.stop()))
}

/** Turns of contenders that are left out. */
const NONE = { guard: [], loop: [], alone: [], released: [] }

/** Positions up to which the caches of all contenders are in memory at the same time: of 32 streams at 0.6B, 2.6 GiB each. */
const TOGETHER = 512

async function manyStreams({ short, models, binaries, threads, rounds, only = [64, 512] }) {
  const sequences = short ? SHORT.streams : 32
  const contextSize = Math.max(...only, TOGETHER) + 256
  const names = ['guard', 'loop', 'released']
  const apart = Math.max(...only) > TOGETHER
  const measured = new Map()
  for (const group of apart ? names.map((name) => [name]) : [names]) {
    const contenders = await start({ models, binaries, threads, contextSize, sequences, only: group })
    for (const positions of only) {
      await fill(contenders, sequences, positions)
      for (const [streams, busy] of situations(short, sequences)) {
        const turns = await takeTurns(rounds, turnsOf(contenders, { positions, streams, busy }))
        const key = `${positions} ${streams} ${busy}`
        const own = Object.entries(turns).filter(([, taken]) => taken.length > 0)
        measured.set(key, { ...NONE, ...measured.get(key), ...Object.fromEntries(own) })
      }
    }
    await Promise.all(Object.values(contenders).map((contender) => contender.stop()))
  }
  report({ short, only, sequences, measured, apart })
}

/** Streams that push at once, and whether the event loop is half busy. */
const situations = (short, sequences) => [
  [1, false],
  ...(short ? [] : [[8, false]]),
  [sequences, false],
  [sequences, true],
]

function turnsOf({ guard, loop, released }, { positions, streams, busy }) {
  const count = TURN[streams] ?? TURN[32]
  const decode = (contender) => decodes(contender, streams, 1, count, positions)
  return {
    guard:
      guard && (async () => (await guard.run('push', { streams, positions, each: 1, count, busy })).result),
    loop: loop && (() => beside(busy, () => decode(loop))),
    ...(busy && { alone: loop && (() => decode(loop)) }),
    released: released && (() => beside(busy, () => decode(released))),
  }
}

function report({ short, only, sequences, measured, apart }) {
  const rows = []
  const scales = []
  for (const positions of only) {
    const rates = {}
    for (const [streams, busy] of situations(short, sequences)) {
      const turns = figures(measured.get(`${positions} ${streams} ${busy}`))
      const count = TURN[streams] ?? TURN[32]
      const rate = (name) => (1000 * streams * count) / turns.total(name)
      const goal = busy ? ` (goal ${GOALS.busy})` : ''
      rows.push([
        positions,
        streams,
        busy ? 'half busy' : 'idle',
        rate('guard').toFixed(1),
        turns.median('guard').toFixed(0),
        turns.p95('guard').toFixed(0),
        rate('loop').toFixed(1),
        `${turns.ratio('guard', 'loop').toFixed(2)}x${goal}${busy ? `; ${turns.ratio('guard', 'alone').toFixed(2)}x of the loop alone` : ''}`,
        rate('released').toFixed(1),
        `${turns.ratio('released', 'guard').toFixed(2)}x`,
      ])
      if (!busy) rates[streams] = rate('guard')
    }
    const goal = short || !GOALS.scale[positions] ? '' : ` (goal ${GOALS.scale[positions]})`
    scales.push(
      `at ${positions} positions ${sequences} streams are given ${(rates[sequences] / rates[1]).toFixed(2)}x the tokens a second of one${goal}`,
    )
  }
  console.log('\nMany streams, each pushing one token as soon as its last verdict came\n')
  table(
    [
      'positions',
      'streams',
      'event loop',
      'qwen3guard tokens/s',
      'push, median ms',
      'p95 ms',
      'plain C++ loop tokens/s',
      "qwen3guard's time",
      'llama.cpp as released tokens/s',
      'qwen3guard is faster',
    ],
    rows,
  )
  console.log(`\n${scales.join('; ')}`)
  if (apart)
    console.log('measured one contender after the other: their caches would not fit into memory at once')
}

/** Does `work`, if `busy` beside a process that is as busy as the guard's event loop is then. */
async function beside(busy, work) {
  if (!busy) return work()
  const child = fork(fileURLToPath(new URL('./burn.mjs', import.meta.url)), ['burn'])
  await once(child, 'spawn')
  try {
    return await work()
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}
