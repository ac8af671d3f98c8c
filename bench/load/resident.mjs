// Where a process's resident memory lies (Linux).
import { readFileSync } from 'node:fs'
import path from 'node:path'

const KINDS = [
  ["the model's file", /\.gguf$/],
  ['the addon', /\.node$/],
  ['Node.js, its program', /\/node$/],
  ['libraries', /\//],
]

/** [what, MiB reserved, MiB resident, of these in huge pages]: files by kind, and the largest of the mappings without a file. */
export function residentParts() {
  const files = new Map()
  const memory = []
  let mapping
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+\s*(.*)$/.exec(line)
    if (head) {
      const [, begin, end, name] = head
      const reserved = (Number.parseInt(end, 16) - Number.parseInt(begin, 16)) / 2 ** 20
      mapping = { reserved, resident: 0, huge: 0 }
      const kind = path.isAbsolute(name) ? KINDS.find(([, pattern]) => pattern.test(name))[0] : null
      if (kind === null) memory.push(mapping)
      else files.set(kind, [...(files.get(kind) ?? []), mapping])
    }
    const value = /^(Rss|AnonHugePages):\s+(\d+) kB/.exec(line)
    if (value) mapping[value[1] === 'Rss' ? 'resident' : 'huge'] = Number(value[2]) / 1024
  }
  memory.sort((a, b) => b.resident - a.resident)
  const sum = (mappings, field) => mappings.reduce((total, each) => total + each[field], 0)
  const row = (what, mappings) => [
    what,
    ...['reserved', 'resident', 'huge'].map((field) => sum(mappings, field)),
  ]
  const largest = memory.slice(0, 6)
  return [
    ...largest.map((each, i) => row(`memory, ${i + 1}.`, [each])),
    row(`memory, ${memory.length - largest.length} smaller ones`, memory.slice(largest.length)),
    ...[...files].map(([kind, mappings]) => row(kind, mappings)),
  ]
}
