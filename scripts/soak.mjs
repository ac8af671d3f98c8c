// `npm run soak -- [--minutes N] [--seed N] [--short] [--only NAME] [--write]`: every long check of scripts/soak, one after
// the other, in shares of the time (SHARES). Each takes --seconds and --seed and prints one line of JSON:
// {"promise", "figure", "ok", "seed"}. The short form leaves out what has to build llama.cpp first. `--write` puts the table into docs/reliability.md.
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const folder = path.join(root, 'scripts', 'soak')
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string', multiple: true },
    short: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

/** What a check says at its end; one that says nothing has failed. */
function run(name, seconds) {
  const words = [path.join(folder, `${name}.mjs`), '--seconds', String(seconds), '--seed', values.seed]
  const { status, signal, stdout } = spawnSync(process.execPath, words, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 2],
  })
  try {
    const said = JSON.parse(stdout.trim().split('\n').at(-1))
    return { ...said, ok: said.ok === true && status === 0 }
  } catch {
    return { promise: name, figure: `ended with ${signal ?? status}`, ok: false, seed: Number(values.seed) }
  }
}

/** Whose builds of their own take minutes. */
const BUILDING = ['asan', 'decode']
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.mjs'))
  .map((name) => path.basename(name, '.mjs'))
  .filter((name) => values.only?.includes(name) ?? !(values.short && BUILDING.includes(name)))
/**
 * What tries much takes more than others. In an hour libFuzzer has ten minutes for each of its two programs; what knows no time
 * (asan, memory, workers) takes its own.
 */
const SHARES = { fuzz: 10, lifecycle: 4, 'model-files': 2 }
const shareOf = (name) => SHARES[name] ?? 1
const share = (60 * Number(values.minutes)) / names.map(shareOf).reduce((a, b) => a + b, 0)
const secondsOf = (name) => (values.short ? 2 : Math.max(2, Math.round(share * shareOf(name))))
const rows = names.map((name) => ({ name, ...run(name, secondsOf(name)) }))
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
const cell = (text) => String(text).replaceAll('|', '\\|')
const table = [
  `Commit ${commit}; ${os.cpus()[0].model}, ${os.availableParallelism()} CPUs, Node.js ${process.version}; ${values.short ? '2 s a check' : `${values.minutes} minutes`}.`,
  '',
  '| check | promise | figure | holds | seed |',
  '|---|---|---|---|---|',
  ...rows.map(
    ({ name, promise, figure, ok, seed }) =>
      `| ${name} | ${cell(promise)} | ${cell(figure)} | ${ok ? 'yes' : '**no**'} | ${seed} |`,
  ),
].join('\n')
console.log(table)
if (values.write) {
  const file = path.join(root, 'docs', 'reliability.md')
  const text = readFileSync(file, 'utf8')
  const [start, end] = ['<!-- soak: written by `npm run soak -- --write` -->', '<!-- soak end -->']
  const [before, rest] = text.split(start)
  writeFileSync(file, `${before}${start}\n\n${table}\n\n${end}${rest.split(end)[1]}`)
}
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1
