// What a hub can answer that no hub should: chosen by a seed, and kept as data.
import { createHash } from 'node:crypto'
import { Dice } from './random.mjs'

/** Paths that lead elsewhere, or are none. */
export const PATHS = [
  ...['../../escape', '/etc/escape', 'a/../../escape', 'a\\..\\escape', './config.json', 'C:escape', '..'],
  ...[
    '',
    '.',
    'a//b',
    'a/./b',
    'nul\0',
    '\u202Egnp.fgguf',
    'x'.repeat(5000),
    '__proto__',
    'CON',
    'a/',
    '~/x',
  ],
]
const VALUES = [
  ...[null, true, 0, -1, 1.5, 1e308, '', 'x', '../../x', [], {}, [[]], { length: 1e9 }, '9'.repeat(5000)],
  ...['0'.repeat(40), 'F'.repeat(64), `${'0'.repeat(63)}/`, Number.MAX_SAFE_INTEGER, 2 ** 60],
]

const ANSWERS = ['commit', 'tree']
/** Ways to answer a question with anything but the answer. */
const BODIES = [
  'nothing',
  'no JSON',
  'half the JSON',
  'a list',
  'null',
  'a deep list',
  'a text',
  'without end',
  'not packed',
  'wrong bytes',
]
const ROUTES = ['redirected to itself', 'redirected for ever', 'redirected to a file', 'redirected to nobody']
const STATUSES = [204, 206, 301, 304, 400, 401, 403, 404, 410, 416, 429, 500, 503]
const FILES = [
  'flipped',
  'longer',
  'shorter',
  'empty',
  'without end',
  'cut once',
  'cut for ever',
  'one byte at a time',
  'a wrong range',
  'a range of another size',
  'no ranges',
  'not packed',
]

const RECORD = [
  'schema',
  'name',
  'variant',
  'type',
  'license',
  'parameters',
  'path',
  'bytes',
  'sha256',
  'repository',
  'revision',
  'files',
  'files.x',
]

/** Faults of one pull: which answer, and what is wrong with it. */
export function chooseHubFaults(files, seed, index) {
  const dice = new Dice(seed, index)
  const faults = []
  for (let i = 0; i < 1 + dice.below(3); i++) {
    const kind = dice.below(14)
    const once = dice.chance(3)
    if (kind < 2) faults.push({ at: dice.of(ANSWERS), body: dice.of(BODIES), once })
    else if (kind === 2) faults.push({ at: dice.of([...ANSWERS, ...files]), route: dice.of(ROUTES), once })
    else if (kind === 3)
      faults.push({
        at: dice.of([...ANSWERS, ...files]),
        status: dice.of(STATUSES),
        after: dice.of(VALUES),
        once,
      })
    else if (kind === 4) faults.push({ at: 'commit', field: 'sha', value: dice.of(VALUES) })
    else if (kind < 7)
      faults.push({
        at: 'tree',
        of: dice.of(files),
        field: dice.of(['path', 'size', 'oid', 'lfs', 'lfs.oid', 'lfs.size', 'type']),
        value: dice.chance(3) ? dice.of(PATHS) : dice.of(VALUES),
      })
    else if (kind === 7)
      faults.push({ at: 'tree', more: dice.of([...PATHS, ...VALUES]), type: dice.of(['file', 'directory']) })
    else if (kind === 8)
      faults.push({
        at: 'tree',
        link: dice.of(['itself', 'another host', 'no address', 'file:///etc/passwd']),
      })
    else if (kind === 9)
      faults.push({ at: 'index', value: dice.chance(2) ? dice.of(PATHS) : dice.of(VALUES) })
    else if (kind === 10)
      faults.push({
        at: 'record',
        field: dice.of(RECORD),
        value: dice.chance(3) ? dice.of(PATHS) : dice.of(VALUES),
      })
    else faults.push({ at: dice.of(files), file: dice.of(FILES), once })
  }
  return faults
}

/** The files of a repository with what faults say of the index, as a hub that means harm would list and send them. */
export function changedFiles(files, faults) {
  const changed = new Map(files)
  const name = 'model.safetensors.index.json'
  for (const { at, value } of faults) {
    if (at !== 'index') continue
    const index = JSON.parse(String(changed.get(name) ?? '{}'))
    index.weight_map = {
      ...index.weight_map,
      'model.norm.weight': value,
      ...(value === '' && { __proto__: 'x' }),
    }
    if (value === null) index.weight_map = value
    changed.set(name, Buffer.from(JSON.stringify(index)))
  }
  return changed
}

/** What `tree` lists. */
export function treeOf(files, faults, isLarge) {
  const entries = [...files].map(([path, content]) => ({
    type: 'file',
    path,
    size: content.length,
    oid: createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex'),
    ...(isLarge(path) && {
      lfs: { oid: createHash('sha256').update(content).digest('hex'), size: content.length },
    }),
  }))
  for (const fault of faults) {
    if (fault.at !== 'tree') continue
    if (fault.field) {
      const entry = entries.find(({ path }) => path === fault.of)
      const [outer, inner] = fault.field.split('.')
      if (inner && typeof entry?.lfs === 'object' && entry.lfs) entry.lfs[inner] = fault.value
      else if (entry && !inner) entry[outer] = fault.value
    } else if ('more' in fault) {
      entries.push({ type: fault.type, path: fault.more, size: 2, oid: '0'.repeat(40) })
    }
  }
  return entries
}

/** What lies in the folder of models as the record of a model pulled before, which somebody changed; null where nobody did. */
export function recordWith(model, faults) {
  const changed = faults.filter(({ at }) => at === 'record')
  if (changed.length === 0) return null
  const sha256 = '0'.repeat(64)
  const record = {
    ...{
      schema: 1,
      name: `${model}-f16`,
      variant: 'gen',
      type: 'f16',
      license: null,
      parameters: 1,
      path: 'x.gguf',
    },
    ...{
      bytes: 1,
      sha256,
      repository: 'Qwen/x',
      revision: 'c0ffee'.padEnd(40, '0'),
      files: { x: { bytes: 1, sha256 } },
    },
  }
  for (const { field, value } of changed) {
    if (field === 'files.x') record.files = { x: value }
    else record[field] = value
  }
  return record
}
