// Changes of a checkpoint's files that know their structure. A change is a JSON list, so that a failure can be kept as one line.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Dice } from './random.mjs'
import { TEMPLATES } from './templates.mjs'

const HUGE = { '1e9': 1e9, '2**31': 2 ** 31, '2**53': 2 ** 53, '1e300': 1e300 }
const VALUES = [
  ...[
    0,
    1,
    -1,
    2,
    1.5,
    255,
    65536,
    ...Object.values(HUGE),
    null,
    true,
    false,
    '',
    'x',
    '0',
    'F32',
    'BF16',
    'I8',
  ],
  ...[
    [],
    [0],
    [-1],
    [1, 1],
    [1e9, 1e9],
    {},
    { a: 1 },
    [[]],
    'x'.repeat(100_000),
    '../../etc/passwd',
    '\0',
    '\uD800',
  ],
]
const JSONS = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'model.safetensors.index.json',
  'generation_config.json',
]
const RAW = [
  '',
  '{',
  '[]',
  'null',
  '{"__proto__": {"x": 1}}',
  '\uFEFF{}',
  '['.repeat(100_000),
  `{"a":${'['.repeat(50_000)}`,
  '\0',
]

/** The changes that make mutant `index` of a seed: one or two. */
export function chooseCheckpointChanges(files, seed, index) {
  const dice = new Dice(seed, index)
  const jsons = JSONS.filter((name) => files.includes(name))
  const weights = files.filter((name) => name.endsWith('.safetensors'))
  const place = () => Math.floor(dice.random() * 1e6) / 1e6
  const choices = [
    () => ['json', dice.of(jsons), place(), dice.of(VALUES)],
    () => ['json', dice.of(jsons), place(), dice.of(VALUES)],
    () => ['json', 'config.json', place(), dice.of(VALUES)],
    () => ['json', 'tokenizer.json', place(), dice.of(VALUES)],
    () => ['drop', dice.of(jsons), place()],
    () => ['raw', dice.of(jsons), dice.of(RAW)],
    () => ['cut', dice.of(files), place()],
    () => ['cut', dice.of(weights), place() / 20],
    () => ['header', dice.of(weights), place(), dice.of(VALUES)],
    () => ['header', dice.of(weights), place(), dice.of(VALUES)],
    () => ['header drop', dice.of(weights), place()],
    () => [
      'header length',
      dice.of(weights),
      dice.of(['0', '1', '7', '-1', '100', '4294967296', '9223372036854775808']),
    ],
    () => ['header raw', dice.of(weights), dice.of(RAW)],
    () => ['bytes', dice.of(weights), place(), dice.below(256), 1 + dice.below(4000)],
    () => ['empty', dice.of(files)],
    () => ['template', dice.below(TEMPLATES.length)],
  ]
  return Array.from({ length: dice.chance(3) ? 2 : 1 }, () => dice.of(choices)())
}

/** Changes the files of a directory. */
export function changeCheckpoint(directory, changes) {
  for (const [name, ...rest] of changes) {
    if (name === 'template') writeFileSync(join(directory, 'chat_template.jinja'), TEMPLATES[rest[0]])
    else CHANGES[name](join(directory, rest[0]), ...rest.slice(1))
  }
}

const CHANGES = {
  json: (path, at, value) => editJson(path, (json) => replaceAt(json, at, value)),
  drop: (path, at) => editJson(path, (json) => replaceAt(json, at, undefined)),
  raw: (path, text) => writeFileSync(path, text),
  empty: (path) => writeFileSync(path, ''),
  cut: (path, at) => {
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length * at)))
  },
  header: (path, at, value) => editHeader(path, (json) => replaceAt(json, at, value)),
  'header drop': (path, at) => editHeader(path, (json) => replaceAt(json, at, undefined)),
  'header length': (path, value) => {
    const bytes = readFileSync(path)
    if (bytes.length >= 8) bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)))
    writeFileSync(path, bytes)
  },
  'header raw': (path, text) => {
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(Buffer.byteLength(text)))
    writeFileSync(path, Buffer.concat([length, Buffer.from(text), readFileSync(path)]))
  },
  bytes: (path, at, byte, count) => {
    const bytes = readFileSync(path)
    const from = Math.floor(bytes.length * at)
    writeFileSync(path, bytes.fill(byte, from, Math.min(bytes.length, from + count)))
  },
}

/** What an earlier change broke stays broken. */
function editJson(path, change) {
  const json = parsed(readFileSync(path, 'utf8'))
  if (json !== undefined) writeFileSync(path, JSON.stringify(change(json)) ?? '')
}

function editHeader(path, change) {
  const bytes = readFileSync(path)
  if (bytes.length < 8) return
  const length = Number(bytes.readBigUInt64LE(0))
  const json = parsed(bytes.toString('utf8', 8, 8 + length))
  if (json === undefined) return
  const header = Buffer.from(JSON.stringify(change(json)) ?? '')
  const start = Buffer.alloc(8)
  start.writeBigUInt64LE(BigInt(header.length))
  writeFileSync(path, Buffer.concat([start, header, bytes.subarray(8 + length)]))
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Replaces one of all places of a value; of a list's first elements and some others. `undefined` removes it. */
function replaceAt(json, at, value) {
  const places = []
  const walk = (parent) => {
    if (typeof parent !== 'object' || parent === null) return
    for (const key of Object.keys(parent)) {
      if (Array.isArray(parent) && parent.length > 40 && Number(key) > 8 && Number(key) % 31 !== 0) continue
      places.push([parent, key])
      if (places.length < 20_000) walk(parent[key])
    }
  }
  walk(json)
  const place = places[Math.floor(at * places.length)]
  if (!place) return value
  const [parent, key] = place
  if (value !== undefined) parent[key] = value
  else if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else delete parent[key]
  return json
}
