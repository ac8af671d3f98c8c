// npm run bench -- busy: a check of Gen on the 0.6B shape alone, beside as many busy processes as it has threads, and with its own event
// loop half busy; against the same addon with ggml's barriers, whose threads spin, and node-llama-cpp. All take turns.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { applyPatches, cacheDir, llamaSource, patchHash, pin } from '../scripts/llama-source.mjs'
import { Contender } from './gen/contender.mjs'
import { numbered, SHORT } from './gen/texts.mjs'
import { installPeer } from './install-peer.mjs'
import { median, percentile, quiet, table } from './measure.mjs'
import { padModel, shapeTitle } from './pad-model.mjs'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const TEMPLATE = path.join(ROOT, 'test', 'fixtures', 'rendered', 'gen_template.jinja')
const PATCH = '0008-barrier-sleeps.patch'
/** Goals: times alone beside busy processes, and times the spinning one alone. */
const GOALS = { busy: 2.5, alone: 1.02 }
/** Burns for as long as its parent is there: one that is killed leaves nothing behind. */
const BUSY = 'const parent = process.ppid; while (process.ppid === parent);'
/** Checks a contender makes in one turn. */
const CHECKS = 2

const SITUATIONS = {
  alone: async (_, work) => {
    await quiet()
    await work()
  },
  busy: async (_, work, threads) => {
    const others = Array.from({ length: threads }, () =>
      spawn(process.execPath, ['-e', BUSY], { stdio: 'ignore' }),
    )
    try {
      await setTimeout(300) // until they run
      await work()
    } finally {
      for (const other of others) other.kill('SIGKILL')
    }
  },
  half: async (contender, work) => {
    await quiet()
    await contender.run('burn', true)
    await work()
    await contender.run('burn', false)
  },
}

export async function benchBusy({ short, threads = 2, rounds = 5 }) {
  const peerVersion = installPeer({ short })
  const model = await padModel('gen', { short })
  const options = { model, threads, chatTemplate: readFileSync(TEMPLATE, 'utf8'), gpu: false }
  const spinning = short ? null : { QWEN3GUARD_PREBUILD: spinningAddon() }
  if (!spinning) console.log("not measured: ggml's barriers (an addon of their own, minutes to build)")
  const contenders = [
    { name: 'qwen3guard', contender: await Contender.start('./guard.mjs', options) },
    spinning && {
      name: "qwen3guard, ggml's barriers",
      contender: await Contender.start('./guard.mjs', options, spinning),
    },
    peerVersion && {
      name: `node-llama-cpp ${peerVersion}`,
      contender: await Contender.start('./node-llama-cpp.mjs', { ...options, sequences: 1 }),
    },
  ]
    .filter(Boolean)
    .map((entry) => ({ ...entry, times: { alone: [], busy: [], half: [] } }))
  console.log(
    `${os.cpus()[0]?.model}, ${os.availableParallelism()} CPUs, load ${os.loadavg()[0]?.toFixed(1)} before; ${shapeTitle(short)}, Q8_0, ${threads} threads, ${rounds} rounds of ${CHECKS} checks\n`,
  )
  try {
    let number = 0
    for (const { contender } of contenders) await contender.run('one', SHORT[0])
    for (let round = 0; round < rounds; round++) {
      for (const [situation, meet] of Object.entries(SITUATIONS)) {
        // To and fro: what the machine does slower and slower meets all alike.
        for (const { contender, times } of round % 2 ? [...contenders].reverse() : contenders) {
          await meet(
            contender,
            async () => {
              for (let i = 0; i < CHECKS; i++) {
                const text = numbered(SHORT[(round * CHECKS + i) % SHORT.length], ++number)
                times[situation].push((await contender.run('one', text)).ms)
              }
            },
            threads,
          )
        }
      }
    }
  } finally {
    await Promise.all(contenders.map(({ contender }) => contender.stop()))
  }
  report(contenders, threads, spinning !== null)
}

function report(contenders, threads, besideSpinning) {
  const ms = (times) => `${median(times).toFixed(0)} (${percentile(times, 0.95).toFixed(0)})`
  const times = (a, b) => `${(median(a) / median(b)).toFixed(2)}x`
  table(
    [
      'median (p95) ms',
      'alone',
      `beside ${threads} busy processes`,
      'times alone',
      'event loop half busy',
      'times alone',
    ],
    contenders.map(({ name, times: { alone, busy, half } }) => [
      name,
      ms(alone),
      ms(busy),
      times(busy, alone),
      ms(half),
      times(half, alone),
    ]),
  )
  if (!besideSpinning) return
  const [ours, spins] = contenders
  const turns = (situation) =>
    median(ours.times[situation].map((value, i) => value / spins.times[situation][i])).toFixed(2)
  console.log(
    `\nmedian over the turns of qwen3guard's time by the spinning one's: alone ${turns('alone')} (goal ${GOALS.alone}), busy ${turns('busy')}, half busy ${turns('half')}; ` +
      `goal beside busy processes: ${GOALS.busy} times alone`,
  )
}

/** Folder with the addon built without the patch on barriers; kept in the cache. The first time it takes minutes. */
function spinningAddon() {
  const name = `${pin.tag}-${patchHash()}-spinning`
  const out = path.join(cacheDir(), 'bench', `addon-${name}`)
  if (existsSync(path.join(out, 'build', 'Release', 'qwen3guard.node'))) return out
  const tree = path.join(cacheDir(), 'bench', `llama.cpp-${name}`)
  if (!existsSync(tree)) {
    const unfinished = `${tree}.${process.pid}`
    rmSync(unfinished, { recursive: true, force: true })
    // The patches are changes in the working tree of a repository: a clone of it has none.
    run('git', ['clone', '--quiet', llamaSource(), unfinished])
    const folder = path.join(ROOT, 'native', 'patches')
    const others = readdirSync(folder).filter((file) => file.endsWith('.patch') && file !== PATCH)
    applyPatches(
      unfinished,
      others.sort().map((file) => path.join(folder, file)),
    )
    renameSync(unfinished, tree)
  }
  // A build refuses a tree that lacks one of its package's patches: this one is of a package without the patch.
  const source = path.join(cacheDir(), 'bench', `source-${name}`)
  rmSync(source, { recursive: true, force: true })
  for (const part of ['native', 'scripts', 'CMakeLists.txt', 'package.json', 'models', 'dist'])
    cpSync(path.join(ROOT, part), path.join(source, part), { recursive: true })
  rmSync(path.join(source, 'native', 'patches', PATCH))
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(source, 'node_modules'))
  console.error("building the addon with ggml's barriers (once, some minutes)")
  run(process.execPath, [path.join(source, 'scripts', 'build.mjs'), '--out', out], { LLAMA_CPP_DIR: tree })
  return out
}

function run(command, words, env = {}) {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8', env: { ...process.env, ...env } })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}\n${stderr?.slice(-4000)}`)
}
