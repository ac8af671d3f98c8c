// npm run bench -- serve: requests a second and latencies of /v1/moderations, and the latency of a delta through the proxy, at 1,
// 16 and 64 clients, beside the same work in process and node-llama-cpp behind the same kind of endpoint, in turn. The proxy has an
// application of its own beside it too, that does the same with the library; and `unpaced`, models that do not wait until a word has
// been read. --parts demo,0.6b,demo-proxy,0.6b-proxy,demo-unpaced,0.6b-unpaced and --clients pick some of it.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Contender } from '../gen/contender.mjs'
import { numbered, PROMPTS } from '../gen/texts.mjs'
import { installPeer } from '../install-peer.mjs'
import { median, percentile, table } from '../measure.mjs'
import { demonstrationModel, padModel, shapeTitle } from '../pad-model.mjs'
import { undisturbed } from './others.mjs'

const TEMPLATE = fileURLToPath(new URL('../../test/fixtures/rendered/gen_template.jinja', import.meta.url))

/** Of the time in process, what a server may add on the 0.6B shape. */
const GOAL = 0.1
/** Requests of a turn by clients, and words of each reply. The peer gets fewer, but for each of its sequences one: it takes longer. */
const REQUESTS = {
  demo: { 1: 60, 16: 320, 64: 640 },
  '0.6b': { 1: 4, 16: 24, 64: 64 },
  short: { 1: 2, 16: 4, 64: 4 },
}
/** Requests of the turn that does not count, and the most of a turn of the peer, which has 16 sequences. */
const WARM = { demo: 8, '0.6b': 2, short: 2 }
const PEER = { demo: 48, '0.6b': 16, short: 4 }
const WORDS = {
  demo: { 1: 120, 16: 60, 64: 60 },
  '0.6b': { 1: 60, 16: 24, 64: 12 },
  short: { 1: 4 },
}

/** Of the processors, what other processes had in the turn in which they had most. */
const OTHERS = 'others'

const PARTS = ['demo', '0.6b', 'demo-proxy', '0.6b-proxy', 'demo-unpaced', '0.6b-unpaced']

let numberOf = 0
const texts = (count) =>
  Array.from({ length: count }, (_, i) => numbered(PROMPTS[i % PROMPTS.length], ++numberOf))

export async function benchServe({
  short,
  threads = 2,
  rounds = 3,
  parts = PARTS,
  clients = short ? [1, 2] : [1, 16, 64],
}) {
  for (const part of parts) {
    const [size, what] = part.split('-')
    if (!PARTS.includes(part)) throw new RangeError(`Expected parts of ${PARTS.join(', ')}, got ${part}`)
    const variant = what === undefined ? 'gen' : 'stream'
    const model = size === 'demo' ? demonstrationModel(variant) : await padModel(variant, { short })
    const title = size === 'demo' ? 'the demonstration model' : `${shapeTitle(short)}, Q8_0`
    const options = {
      model,
      title,
      size: short ? 'short' : size,
      short,
      threads,
      rounds,
      clients: clients.map(Number),
    }
    await (what === undefined ? moderations(options) : proxy({ ...options, waits: what === 'proxy' }))
  }
}

async function moderations({ model: gen, title, size, short, threads, rounds, clients }) {
  const version = installPeer({ short })
  const options = { gen, threads, gpu: false, chatTemplate: readFileSync(TEMPLATE, 'utf8') }
  const start = (file, more) => Contender.start(`../serve/${file}.mjs`, { ...options, ...more })
  const [asking, guard, server] = [await start('clients'), await start('guard'), await start('server')]
  // The short form goes without what is not here.
  const peer = version && (await start('peer', { sequences: 16 }))
  const portOf = async (contender) => (await contender.run('port')).result
  const ports = { server: await portOf(server), peer: peer && (await portOf(peer)) }
  const rows = []
  try {
    for (const count of clients) {
      const requests = REQUESTS[size][count] ?? 4
      const few = Math.min(requests, WARM[size])
      const inputs = (warms, most = requests) => texts(warms ? few : most)
      const turns = await inTurn(rounds, [asking, guard, server, peer], {
        process: (warms) => guard.run('moderations', { inputs: inputs(warms), clients: count }),
        server: (warms) =>
          asking.run('moderations', { port: ports.server, inputs: inputs(warms), clients: count }),
        // With more clients on the large model it would have the same rate, and take minutes.
        ...(peer &&
          !(size === '0.6b' && count > 16) && {
            peer: (warms) =>
              asking.run('moderations', {
                port: ports.peer,
                inputs: inputs(warms, Math.min(requests, PEER[size])),
                clients: count,
              }),
          }),
      })
      rows.push(row(`${count}, in process`, turns.process))
      rows.push(row(`${count}, qwen3guard`, turns.server, turns.process, short || size !== '0.6b'))
      if (turns.peer) rows.push(row(`${count}, node-llama-cpp ${version}`, turns.peer, turns.process))
    }
  } finally {
    await Promise.all([asking, guard, server, peer].map((contender) => contender?.stop()))
  }
  console.log(`\n/v1/moderations on ${title}, ${threads} threads, ${rounds} rounds in turn\n`)
  table(['clients', 'requests/s', 'p50 ms', 'p95 ms', 'p99 ms', OTHERS, 'time beside in process'], rows)
}

async function proxy({ model: stream, title, size, short, threads, rounds, clients, waits }) {
  const options = { stream, threads, gpu: false }
  const start = (file, more) => Contender.start(`../serve/${file}.mjs`, { ...options, ...more })
  const asking = await start('clients')
  const upstream = `http://127.0.0.1:${(await asking.run('upstream')).result}/v1`
  const [guard, server] = [await start('guard'), await start('server', { upstream })]
  const application = await start('application', { upstream })
  const [{ result: port }, { result: own }] = [await server.run('port'), await application.run('port')]
  const rows = []
  let run = 0
  try {
    for (const count of clients) {
      const words = WORDS[size][count] ?? 4
      const chats = () => ({ clients: count, words, run: run++, waits })
      // Words count, also where whole chats are timed.
      const judged = async (judge, work) => {
        const before = (await judge.run('decoded')).result
        const { ms, result } = await work()
        const after = (await judge.run('decoded')).result
        const batch = (after.tokensDecoded - before.tokensDecoded) / (after.ticks - before.ticks)
        return { ms, result, count: count * words, batch }
      }
      const turns = await inTurn(rounds, [asking, guard, application, server], {
        process: () => judged(guard, () => guard.run('deltas', chats())),
        application: () => judged(application, () => asking.run('deltas', { port: own, ...chats() })),
        server: () => judged(server, () => asking.run('deltas', { port, ...chats() })),
      })
      const noGoal = short || size !== '0.6b'
      const shown = (name, turns, ...ratios) => {
        const batch = median(turns.map(({ batch }) => batch)).toFixed(1)
        rows.push([...row(`${count}, ${name}`, turns).slice(0, -1), batch, ...ratios])
      }
      shown('in process, no HTTP', turns.process, '', '')
      shown('an application of its own', turns.application, ratio(turns.application, turns.process), '')
      const beside = ratio(turns.server, turns.application, noGoal)
      shown('through the proxy', turns.server, ratio(turns.server, turns.process), beside)
    }
  } finally {
    await Promise.all([asking, guard, application, server].map((contender) => contender.stop()))
  }
  const timed = waits ? 'A word' : 'A chat whose model waits for nobody,'
  console.log(`\n${timed} through the proxy on ${title}, ${threads} threads, ${rounds} rounds in turn\n`)
  const more = ['tokens a decode', 'time beside in process', 'time beside an application']
  table(['chats', 'words/s', 'p50 ms', 'p95 ms', 'p99 ms', OTHERS, ...more], rows)
}

/** Lets each contender take its turn, round by round, after one that does not count. */
async function inTurn(rounds, processes, contenders) {
  const turns = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]))
  const started = processes.filter(Boolean)
  for (let round = -1; round < rounds; round++) {
    for (const [name, work] of Object.entries(contenders)) {
      const {
        result: times,
        count = times.length,
        ...turn
      } = await undisturbed(started, () => work(round < 0))
      if (round >= 0) turns[name].push({ ...turn, times, count })
    }
  }
  return turns
}

function row(name, turns, beside, noGoal = true) {
  const times = turns.flatMap((turn) => turn.times)
  const rate = median(turns.map(({ ms, count }) => (1000 * count) / ms))
  const others = Math.max(...turns.map(({ others }) => others))
  return [
    name,
    rate.toFixed(rate < 10 ? 2 : 0),
    ...[0.5, 0.95, 0.99].map((share) => percentile(times, share).toFixed(1)),
    `${(100 * others).toFixed(0)} %`,
    beside ? ratio(turns, beside, noGoal) : '',
  ]
}

/** Time for as much, turn by turn. */
function ratio(turns, beside, noGoal = true) {
  const ratios = turns.map(({ ms, count }, i) => ms / count / (beside[i].ms / beside[i].count))
  return `${median(ratios).toFixed(2)}x${noGoal ? '' : ` (goal ${(1 + GOAL).toFixed(2)}x)`}`
}
