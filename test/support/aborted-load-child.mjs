// node aborted-load-child.mjs MODEL FIFO USERS with UV_THREADPOOL_SIZE=1. Loads a model for as many users, of whom the
// first gives up while the pool's only thread is held by a read from the FIFO: the load begins after that, for certain.
// Prints by how many bytes resident memory has grown from then on, what became of each user, and how far the listeners were told.
import { open as openSlowly, openSync, readFileSync } from 'node:fs'
import { place } from '../../dist/binding/device/place.js'
import { Model } from '../../dist/engine/model.js'

const [path, fifo, users] = process.argv.slice(2)

const resident = () => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096
const turn = () => new Promise((resolve) => setImmediate(resolve))

const placement = await place({ gpu: false })
const stop = new AbortController()
let admitted = 0
let held
const told = []

function load(i, signal) {
  return Model.load(path, {
    placement,
    signal,
    onProgress: (fraction) => told.push([i, fraction]),
    admit: () => {
      admitted += 1
      // Before anything is read; what follows stands behind it.
      held ??= new Promise((resolve) => openSlowly(fifo, 'r', resolve))
    },
  })
}

const loads = Array.from({ length: Number(users) }, (_, i) => load(i, i === 0 ? stop.signal : undefined))
const settled = Promise.allSettled(loads)
while (admitted < loads.length) await turn()
await turn()
const before = resident()
stop.abort(new Error('given up'))
await turn()
openSync(fifo, 'w')
await held
const outcomes = (await settled).map(({ value, reason }) => (value ? 'loaded' : reason.message))
// A job of the pool's only thread: the load has left it by then.
await new Promise((resolve) => openSlowly(path, 'r', resolve))
console.log(JSON.stringify({ grown: resident() - before, outcomes, told }))
await Promise.all(loads.map((loading) => loading.then((model) => model.close()).catch(() => {})))
