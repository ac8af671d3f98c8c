// What `node --cpu-prof` writes, read: whose a stack's frames are, and how long its top took.
import { readFileSync } from 'node:fs'

/** What a frame belongs to: a file of ours, a package, Node.js itself, or one of V8's names in brackets. */
export function placeOf({ functionName, url }) {
  if (url === '') return /^\(.*\)$/.test(functionName) ? functionName : 'native functions'
  if (url.startsWith('node:')) return 'Node.js'
  const dependency = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)
  if (dependency) return dependency[1]
  // A profile names files by where they lay.
  const [, folder, file] = /^.*\/(dist|bench)\/(.*)$/.exec(url) ?? [null, '', url.replace(/^.*\//, '')]
  return folder === 'dist' ? `lib/${file.replace(/\.js$/, '.ts')}` : `${folder && 'bench/'}${file}`
}

/** A profile's nodes, and microseconds of their own by id. The root is idle time, and no work. */
export function readProfile(file) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'))
  const idle = new Set(nodes.filter(({ callFrame }) => isIdle(callFrame)).map(({ id }) => id))
  const times = new Map()
  samples.forEach((id, i) => {
    if (!idle.has(id)) times.set(id, (times.get(id) ?? 0) + timeDeltas[i])
  })
  return { nodes, times }
}

const isIdle = (frame) => ['(idle)', '(root)'].includes(placeOf(frame))
