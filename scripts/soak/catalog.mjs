// node scripts/soak/catalog.mjs [--count N] [--seed N]
// Damaged catalogs of models: each is refused with a typed error, or has entries of which a name, a page and what to do by hand
// can be said. The last line is JSON: promise, figure, ok, seed.
import { readFileSync } from 'node:fs'
import { byHand, readCatalog } from '../../dist/models/catalog.js'
import { outcomeOf } from './mutants/answering.mjs'
import { damagedJson } from './mutants/json-mutants.mjs'
import { flags, report } from './mutants/soak.mjs'

const { count, seconds, seed } = flags({ count: 20_000 })
const text = readFileSync(new URL('../../models/catalog.json', import.meta.url), 'utf8')
const started = Date.now()
const outcomes = new Map()
let tried = 0
let findings = 0
for (let index = 0; index < count && Date.now() - started < seconds * 1000; index++, tried++) {
  const damaged = damagedJson(text, seed, index)
  let outcome = 'read'
  try {
    for (const entry of readCatalog(damaged, 'catalog.json')) byHand(entry, 'q8_0')
  } catch (error) {
    outcome = outcomeOf(error)
  }
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  if (outcome === 'read' || outcome === 'ERR_MODEL_INVALID') continue
  findings += 1
  console.error(`found: --seed ${seed}, number ${index}: ${outcome}`)
}
report({
  promise: 'No damage to the catalog of models is anything but a typed error',
  figure: `${tried} catalogs, ${outcomes.get('read') ?? 0} read all the same, ${findings} findings`,
  ok: findings === 0,
  seed,
  seconds: Math.round((Date.now() - started) / 1000),
})
