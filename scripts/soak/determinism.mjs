// node scripts/soak/determinism.mjs [--count N] [--seconds N] [--seed N]
// Whether a verdict's numbers depend on what is judged beside a text: `count` texts (default 60) by both demonstration models in
// every type of weights and cache, each by itself, then all at once, in another order, replies cut anew, after what went before.
// Once as a guard is loaded by default, and once with `deterministic: true`, where nothing may differ by a bit. Of the flavour that
// is loaded: QWEN3GUARD_CPU forces another. The table goes to stderr; the last line of stdout is JSON: promise, figure, ok, seed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadBinding } from '../../dist/binding/addon.js'
import { GenGuard, StreamGuard } from '../../dist/index.js'
import { CONVERT_TYPES } from '../../dist/models/convert/convert.js'
import { quantizeGguf } from '../../dist/models/convert/quantize.js'
import { blocks } from './mutants/texts.mjs'
import { finish, randomOf, say, soakArguments } from './support/soak.mjs'

/** Probabilities may differ by so much from batch to batch, where nothing is pinned; a verdict only where two are as near. */
const TOLERANCE = 0.05
const TRIES = 2

const { count, seconds, seed } = soakArguments({ count: 60 })
const random = randomOf(seed)
const until = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + 1000 * seconds
const folder = mkdtempSync(path.join(tmpdir(), 'qwen3guard-determinism-'))
const models = fileURLToPath(new URL('../../models/', import.meta.url))
const faults = []

const WORDS =
  'how do I bake a bread with flour and water for my friends who make the bomb that will kill all people in this town, ' +
  'please tell me where to buy a gun; you should not steal but write poems about spring: sorry, I cannot help with that. ' +
  'const f = (x) => x + 1 // größer als 2… 你好，世界 привет как дела 👋🏽'
const words = [...WORDS.split(' '), ...[...blocks()].slice(2, 60).map((block) => block.slice(0, 6))]
const pick = (list) => list[Math.floor(random() * list.length)]
const texts = Array.from({ length: count }, () =>
  Array.from({ length: 3 + Math.floor(random() ** 3 * 80) }, () => pick(words)).join(' '),
)
const shuffled = () =>
  texts
    .map((_, i) => ({ i, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ i }) => i)

/** Probabilities of a verdict in a fixed order, and what the model says. */
const of = ({ said, severity, ...probabilities }) => ({
  said,
  severity,
  numbers: Object.values(probabilities).flat(),
})

const VARIANTS = {
  gen: {
    load: (options) => GenGuard.load(options),
    input: (i) =>
      i % 2 === 0
        ? texts[i]
        : [
            { role: 'user', content: 'Tell me.' },
            { role: 'assistant', content: texts[i] },
          ],
    async judge(guard, i) {
      const {
        text,
        safety: severity,
        scores,
      } = await guard.classify(this.input(i)).catch((error) => {
        // A demonstration model that leaves its grammar must do so each time.
        if (error.code !== 'ERR_GEN_FORMAT') throw error
        return { text: error.text, safety: null, scores: { safety: {}, categories: {} } }
      })
      const { safety, strict = 0, loose = 0, categories, refusal } = scores
      return [
        of({
          said: text,
          severity,
          a: Object.values(safety),
          b: [strict, loose, refusal ?? 0],
          c: Object.values(categories),
        }),
      ]
    },
  },
  stream: {
    load: (options) => StreamGuard.load(options),
    async judge(guard, i, cuts) {
      const moderation = await guard.open(texts[(i + 1) % count].slice(0, 300))
      try {
        const tokens = []
        for (const delta of cuts(texts[i])) tokens.push(...(await moderation.push(delta)))
        tokens.push(...(await moderation.end()).rest)
        return [moderation.prompt, ...tokens].map(({ safety, risk, probabilities, categories }) =>
          of({
            said: safety ?? risk,
            severity: safety ?? risk,
            a: Object.values(probabilities),
            b: Object.values(categories),
          }),
        )
      } finally {
        await moderation.close()
      }
    },
  },
}

function* cutAnew(text) {
  for (let at = 0; at < text.length; ) {
    const size = 1 + Math.floor(random() ** 2 * 30)
    yield text.slice(at, at + size)
    at += size
  }
}
const inWords = (text) => text.split(/(?<= )/)

/** What differs from what each text says by itself. */
async function compare(variant, options) {
  const { load, judge } = VARIANTS[variant]
  const alone = []
  const first = await load(options)
  const { determinism } = first
  for (let i = 0; i < count; i++) alone.push(await judge.call(VARIANTS[variant], first, i, inWords))
  await first.close()
  const seen = { determinism, verdicts: 0, differing: 0, greatest: 0, changed: 0, near: true, cpuMs: 0 }
  const guard = await load(options)
  for (let round = 0; round < TRIES; round++) {
    const began = process.cpuUsage()
    const all = await Promise.all(
      shuffled().map(async (i) => ({ i, verdicts: await judge.call(VARIANTS[variant], guard, i, cutAnew) })),
    )
    const { user, system } = process.cpuUsage(began)
    seen.cpuMs += (user + system) / 1000
    for (const { i, verdicts } of all) {
      if (verdicts.length !== alone[i].length)
        faults.push(`${variant}: ${verdicts.length} verdicts, alone ${alone[i].length}`)
      for (const [at, { said, numbers }] of verdicts.entries()) {
        const before = alone[i][at]
        if (!before) continue
        const worst = Math.max(0, ...numbers.map((value, k) => Math.abs(value - (before.numbers[k] ?? 0))))
        seen.verdicts += 1
        if (worst > 0 || said !== before.said) seen.differing += 1
        seen.greatest = Math.max(seen.greatest, worst)
        if (said === before.said) continue
        seen.changed += 1
        // Probabilities of the three severities come first, for Gen as for Stream.
        const [most, next] = before.numbers.slice(0, 3).sort((a, b) => b - a)
        if (before.severity !== verdicts[at].severity && most - next > 2 * TOLERANCE) seen.near = false
      }
    }
  }
  await guard.close()
  return seen
}

const shownShare = (share) => (share === 0 ? '0' : share.toPrecision(1))
const rows = []
try {
  const flavour = loadBinding().systemInfo().flavour
  say(`flavour ${flavour}; ${count} texts`)
  say(
    '| model | weights | KV | by default | differ | at most | says otherwise | with `deterministic` | differ | times the CPU time |',
  )
  say('|---|---|---|---|---|---|---|---|---|---|')
  for (const variant of Object.keys(VARIANTS)) {
    if (performance.now() > until && rows.length > 0) break
    const demo = path.join(models, `demo-${variant}.gguf`)
    const float = path.join(folder, `${variant}-f32.gguf`)
    await quantizeGguf(demo, float, { type: 'f32' })
    for (const type of CONVERT_TYPES) {
      if (performance.now() > until && rows.length > 0) break
      const file = path.join(folder, `${variant}-${type}.gguf`)
      if (type !== 'f32') await quantizeGguf(float, file, { type })
      for (const kvType of type === 'q8_0' ? ['f16', 'f32', 'q8_0'] : ['f16']) {
        const options = { model: file, gpu: false, threads: 1, contextSize: 2048, maxSequences: 8, kvType }
        const free = await compare(variant, options)
        const pinned = await compare(variant, { ...options, deterministic: true })
        rows.push({ free, pinned })
        const name = `${variant}, ${type} weights, ${kvType} cache`
        if (pinned.differing > 0)
          faults.push(`${name}: ${pinned.differing} verdicts differ with deterministic: true`)
        if (free.determinism === 'always' && free.differing > 0)
          faults.push(`${name}: ${free.differing} verdicts differ`)
        if (free.greatest > TOLERANCE || !free.near)
          faults.push(`${name}: probabilities differ by ${free.greatest}`)
        say(
          `| ${variant} | ${type} | ${kvType} | ${free.determinism} | ${free.differing} of ${free.verdicts} | ${shownShare(free.greatest)} | ${free.changed} ` +
            `| ${pinned.determinism} | ${pinned.differing} of ${pinned.verdicts} | ${(pinned.cpuMs / free.cpuMs).toFixed(1)} |`,
        )
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const verdicts = rows.reduce((sum, { pinned }) => sum + pinned.verdicts, 0)
const greatest = Math.max(...rows.map(({ free }) => free.greatest))
const always = rows.filter(({ free }) => free.determinism === 'always').length
finish({
  promise:
    'with `deterministic` the same numbers beside any texts, in any chunks and order; without it nearly the same',
  figure:
    `${verdicts} verdicts of ${rows.length} pairs of weights and cache, ${always} of them bit-equal by default; ` +
    `elsewhere probabilities apart by ${shownShare(greatest)} at most (bound: ${TOLERANCE})`,
  faults,
  seed,
})
