// Pulls from hubs that answer wrongly, and then from one that does not. `run-mutants.mjs` starts it.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join, sep } from 'node:path'
import timers from 'node:timers/promises'

// Waiting before another try is as long as ever, on a clock that runs a thousand times as fast.
const { setTimeout: sleep } = timers
timers.setTimeout = (ms, ...rest) => sleep(ms / 1000, ...rest)
syncBuiltinESMExports()

const { answer, outcomeOf } = await import('./answering.mjs')
const { FaultyHub } = await import('./hub-server.mjs')
const { recordWith } = await import('./hub-mutants.mjs')
const { pullModel } = await import('../../../dist/models/hub/pull.js')

/** Honest pulls until what a hub did wrong must be mended: one finds wrong bytes that came before a cut, and drops them. */
const HONEST = 3
const directory = join(process.env.MUTANTS_DIRECTORY, `${process.pid}`)
const home = join(directory, 'home')
const models = join(home, 'models')
/** Of a pull before this one. */
const RECORD = 'earlier.json'
process.env.QWEN3GUARD_HOME = home
delete process.env.HF_TOKEN
const hub = new FaultyHub()
await hub.listen()
process.env.HF_ENDPOINT = hub.url

const bases = new Map()

/** The files of a checkpoint; one of the demonstration models is a repository of its own. */
function filesOf(name) {
  const folder = join(process.env.MUTANTS_CHECKPOINTS, name)
  if (name.endsWith('.gguf')) return new Map([['model.gguf', readFileSync(folder)]])
  return new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file))]))
}

function base(name) {
  if (!bases.has(name)) {
    bases.set(name, filesOf(name))
  }
  return bases.get(name)
}

await answer(async ({ base: name, model, changes }) => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(models, { recursive: true })
  const record = recordWith(model, changes)
  if (record) writeFileSync(join(models, RECORD), JSON.stringify(record))
  const files = base(name)
  const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0)
  hub.offer(files, changes)
  const started = performance.now()
  const outcome = await pulled(model)
  const ms = performance.now() - started
  const problem = hub.readWithoutEnd ? 'what has no end is read on and on' : left(outcome)
  if (problem) return { outcome: `untyped: ${outcome}, and ${problem}`, bytes, ms }
  hub.offer(files, [])
  let after = ''
  for (let i = 0; i < HONEST && after !== 'pulled'; i++) after = await pulled(model)
  return {
    outcome: after === 'pulled' ? outcome : `untyped: ${outcome}, and from an honest hub ${after}`,
    bytes,
    ms,
  }
})
hub.close()
rmSync(directory, { recursive: true, force: true })

async function pulled(model) {
  try {
    await pullModel(model)
    return 'pulled'
  } catch (error) {
    return outcomeOf(error)
  }
}

/** What a pull left that it should not have, or null. */
function left(outcome) {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
  const outside = files.find((file) => !file.startsWith(home + sep))
  if (outside || existsSync('/etc/escape')) return `it writes ${outside ?? '/etc/escape'}`
  const part = files.find((file) => file.endsWith('.part'))
  if (part) return `it leaves ${part}`
  const others = files.filter((file) => file.startsWith(models + sep) && !file.endsWith(RECORD))
  if (outcome !== 'pulled' && others.some((file) => /\.(gguf|json)$/.test(file))) return `it leaves ${others}`
  return null
}
