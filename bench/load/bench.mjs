// npm run bench -- load: from the start of a process to its first verdict, and the memory it then holds, on the 0.6B shape with as
// many tokens and merges as Qwen3 has, beside node-llama-cpp; with --beside FOLDER also another built checkout of this package.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { installPeer } from '../install-peer.mjs'
import { median, quiet, table } from '../measure.mjs'
import { padModel, shapeTitle } from '../pad-model.mjs'
import { durations } from './phases.mjs'

const TEMPLATE = fileURLToPath(new URL('../../test/fixtures/rendered/gen_template.jinja', import.meta.url))
const CHILD = fileURLToPath(new URL('./first-verdict.mjs', import.meta.url))

export async function benchLoad({ model, short, threads = 2, rounds = 5, beside }) {
  const peer = installPeer({ short })
  const file = model ?? (await padModel('gen', { short, whole: !short }))
  const ours = fileURLToPath(new URL('../../dist/index.js', import.meta.url))
  const contenders = [
    { name: 'qwen3guard', package: ours },
    ...(beside ? [{ name: `qwen3guard in ${beside}`, package: `${beside}/dist/index.js` }] : []),
    ...(peer ? [{ name: `node-llama-cpp ${peer}`, package: 'node-llama-cpp' }] : []),
  ].map((contender) => ({ ...contender, runs: [] }))
  // The first round is nobody's: files are read into the system's cache.
  for (let round = 0; round <= rounds; round++) {
    for (const { package: entry, runs } of contenders) {
      await quiet()
      const run = firstVerdict({ entry, model: file, template: TEMPLATE, threads })
      if (round > 0) runs.push(run)
    }
  }
  console.log(
    `${shapeTitle(short)}${short ? '' : ", Qwen3's number of tokens and merges"}, Q8_0, ${threads} threads, ${rounds} rounds\n`,
  )
  const of = ({ runs }, field) => median(runs.map((run) => run[field]))
  const [first] = contenders
  const cells = (contender) => {
    const { name, runs } = contender
    const ratios = runs.map(({ verdict }, i) => verdict / first.runs[i].verdict)
    return [
      name,
      of(contender, 'loaded').toFixed(0),
      of(contender, 'verdict').toFixed(0),
      contender === first ? '' : `${median(ratios).toFixed(2)}x`,
      of(contender, 'resident').toFixed(0),
      of(contender, 'peak').toFixed(0),
    ]
  }
  table(
    ['', 'loaded after ms', 'first verdict after ms', 'times ours', 'MiB then', 'MiB at most'],
    contenders.map(cells),
  )
  console.log(`\n${first.name}, from one mark to the next (medians, so that they need not add up):\n`)
  const phases = first.runs.map(({ marks }) => durations(marks))
  table(
    ['', 'ms'],
    phases[0].map(([phase], i) => [phase, median(phases.map((each) => each[i][1])).toFixed(0)]),
  )
  const { parts } = first.runs.at(-1)
  if (parts.length === 0) return
  console.log(`\n${first.name}, memory after the last run's verdict:\n`)
  table(
    ['', 'MiB reserved', 'MiB resident', 'of these in huge pages'],
    parts.map(([what, ...sizes]) => [what, ...sizes.map((size) => size.toFixed(1))]),
  )
}

/** Milliseconds from the start of a process, and MiB. */
function firstVerdict(options) {
  const { status, stdout } = spawnSync(process.execPath, [CHILD, JSON.stringify(options)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${options.entry} gave no verdict`)
  return JSON.parse(stdout)
}
