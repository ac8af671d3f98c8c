// Changes of a GGUF that know its structure. A change is a JSON list, so that a failure can be kept as one line.
import { assemble, pairValue, stringsBody, stringsOf, TYPES, textBody, u32, u64 } from './gguf-bytes.mjs'
import { BLOCKS, tok } from './gguf-values.mjs'
import { seeded } from './random.mjs'
import { TEMPLATES } from './templates.mjs'

/** Bytes of the file with these changes. */
export function applyChanges(gguf, changes) {
  const copy = {
    ...gguf,
    pairs: gguf.pairs.map((pair) => ({ ...pair })),
    tensors: gguf.tensors.map((tensor) => ({ ...tensor, shape: [...tensor.shape] })),
  }
  const later = []
  for (const [name, ...rest] of changes) {
    const change = STRUCTURAL[name]
    if (change) change(copy, ...rest)
    else later.push([name, ...rest])
  }
  let { bytes, fields, headerBytes } = assemble(copy)
  // The parts lie in the copy now; what is set stays where it was, what is inserted moves the rest.
  for (const [name, ...rest] of later) bytes = RAW[name]({ bytes, fields, headerBytes }, ...rest)
  return bytes
}

const STRUCTURAL = {
  drop: (gguf, at) => void gguf.pairs.splice(index(gguf.pairs, at), 1),
  double: (gguf, at, suffix) => {
    const pair = gguf.pairs[index(gguf.pairs, at)]
    if (pair)
      gguf.pairs.push({
        ...pair,
        key: suffix === null ? Buffer.alloc(0) : Buffer.concat([pair.key, Buffer.from(suffix)]),
      })
  },
  rename: (gguf, at, key) => edit(gguf.pairs, at, (pair) => Object.assign(pair, { key: Buffer.from(key) })),
  move: (gguf, from, to) => {
    const [pair] = gguf.pairs.splice(index(gguf.pairs, from), 1)
    if (pair) gguf.pairs.splice(index(gguf.pairs, to), 0, pair)
  },
  key: (gguf, key, type, value) => setPair(gguf, key, pairValue(type, value)),
  labels: (gguf, key, how) => editStrings(gguf, key, (labels) => LABELS[how](labels)),
  token: (gguf, at, text) =>
    editStrings(gguf, tok('tokens'), (tokens) => tokens.with(index(tokens, at), Buffer.from(text))),
  'token bytes': (gguf, at, hex) =>
    editStrings(gguf, tok('tokens'), (tokens) => tokens.with(index(tokens, at), Buffer.from(hex, 'hex'))),
  'tokens swapped': (gguf, a, b) => editStrings(gguf, tok('tokens'), (tokens) => swapped(tokens, a, b)),
  tokens: (gguf, how, count) => changeTokens(gguf, how, count),
  'token type': (gguf, at, type) =>
    editTypes(gguf, (types) => void types.writeInt32LE(type, 4 * index({ length: types.length / 4 }, at))),
  'token types': (gguf, type, from, to) =>
    editTypes(gguf, (types) => {
      const count = { length: types.length / 4 }
      for (let i = index(count, Math.min(from, to)); i <= index(count, Math.max(from, to)); i++)
        types.writeInt32LE(type, 4 * i)
    }),
  merge: (gguf, at, text) =>
    editStrings(gguf, tok('merges'), (merges) => merges.with(index(merges, at), Buffer.from(text))),
  merges: (gguf, how) => editStrings(gguf, tok('merges'), (merges) => MERGES[how](merges)),
  template: (gguf, which) => setPair(gguf, 'tokenizer.chat_template', pairValue('string', TEMPLATES[which])),
  'template cut': (gguf, at) => {
    const pair = pairOf(gguf, 'tokenizer.chat_template')
    if (pair && pair.type === TYPES.string)
      pair.body = textBody(pair.body.subarray(8, 8 + Math.floor((pair.body.length - 8) * at)))
  },
  tensor: (gguf, at, how) => {
    const i = index(gguf.tensors, at)
    if (gguf.tensors[i]) TENSORS[how](gguf.tensors, i)
  },
  'tensor name': (gguf, at, name) =>
    edit(gguf.tensors, at, (tensor) => Object.assign(tensor, { name: Buffer.from(name) })),
  'tensors swapped': (gguf, a, b) => {
    gguf.tensors = swapped(gguf.tensors, a, b)
  },
  retype: (gguf, at, type, fill) => edit(gguf.tensors, at, (tensor) => retype(tensor, type, fill)),
  'retype all': (gguf, type, fill) => {
    for (const tensor of gguf.tensors) if (tensor.shape.length > 1) retype(tensor, type, fill)
  },
  weights: (gguf, at, how) =>
    edit(gguf.tensors, at, (tensor) => {
      tensor.data = WEIGHTS[how](tensor.data.length)
    }),
  offset: (gguf, at, value) =>
    edit(gguf.tensors, at, (tensor) => {
      tensor.offset = BigInt.asUintN(64, BigInt(value))
    }),
  alignment: (gguf, alignment) => {
    setPair(gguf, 'general.alignment', pairValue('uint32', alignment))
    gguf.alignment = alignment
  },
  split: (gguf, no, count, tensors) => {
    setPair(gguf, 'split.no', pairValue('uint16', no))
    setPair(gguf, 'split.count', pairValue('uint16', count))
    setPair(gguf, 'split.tensors.count', pairValue('int32', tensors))
  },
}

const RAW = {
  set: (file, kind, at, value) => onField(file, kind, at, (bytes) => writeWhole(bytes, BigInt(value))),
  add: (file, kind, at, value) =>
    onField(file, kind, at, (bytes) => writeWhole(bytes, readWhole(bytes) + BigInt(value))),
  flip: (file, kind, at, bit) =>
    onField(file, kind, at, (bytes) => {
      const place = bit % (8 * bytes.length)
      bytes[place >> 3] ^= 1 << (place & 7)
    }),
  splice: (file, kind, at, other, otherAt) => {
    const [, from, length] = fieldAt(file, other, otherAt) ?? [null, 0, 8]
    const source = Buffer.from(file.bytes.subarray(from, from + Math.min(length, 64)))
    return onField(file, kind, at, (bytes) => void source.copy(bytes))
  },
  insert: (file, kind, at, count, byte) => {
    const [, from] = fieldAt(file, kind, at) ?? [null, 24]
    return Buffer.concat([file.bytes.subarray(0, from), Buffer.alloc(count, byte), file.bytes.subarray(from)])
  },
  remove: (file, kind, at, count) => {
    const [, from] = fieldAt(file, kind, at) ?? [null, 24]
    return Buffer.concat([file.bytes.subarray(0, from), file.bytes.subarray(from + count)])
  },
  cut: (file, kind, at, delta) => {
    const [, from] = fieldAt(file, kind, at) ?? [null, 24]
    return file.bytes.subarray(0, Math.max(0, from + delta))
  },
  'cut data': (file, at) =>
    file.bytes.subarray(0, file.headerBytes + Math.floor((file.bytes.length - file.headerBytes) * at)),
  append: (file, count) => Buffer.concat([file.bytes, Buffer.alloc(count, 0xa5)]),
}

const LABELS = {
  swap: (labels) => swapped(labels, 0, 0.99),
  twice: (labels) => [...labels, labels[0] ?? Buffer.from('Safe')],
  drop: (labels) => labels.slice(1),
  more: (labels) => [...labels, Buffer.from('Low Risk')],
  case: (labels) => labels.map((label) => Buffer.from(label.toString().toUpperCase())),
  zero: (labels) => labels.map((label, i) => (i ? label : Buffer.concat([label, Buffer.from([0])]))),
  none: () => [],
  long: (labels) => labels.map((label) => Buffer.concat([label, Buffer.alloc(5000, 120)])),
}
const MERGES = {
  none: () => [],
  reversed: (merges) => merges.toReversed(),
  twice: (merges) => [...merges, ...merges],
  fewer: (merges) => merges.slice(0, merges.length >> 1),
  shuffled: (merges) => merges.map((merge, i) => merges[(i * 7919) % merges.length] ?? merge),
  one: (merges) => merges.map(() => merges[0]),
}
const TENSORS = {
  drop: (tensors, i) => void tensors.splice(i, 1),
  double: (tensors, i) => void tensors.push(tensors[i]),
  turn: (tensors, i) => void tensors[i].shape.reverse(),
  flat: (tensors, i) => shaped(tensors[i], [tensors[i].shape.reduce((a, b) => a * b, 1n)]),
  deeper: (tensors, i) => shaped(tensors[i], [...tensors[i].shape, 1n, 1n].slice(0, 4)),
  last: (tensors, i) => shaped(tensors[i], [...tensors[i].shape, 1n, 1n, 1n, 1n]),
  zero: (tensors, i) => shaped(tensors[i], tensors[i].shape.with(-1, 0n)),
  huge: (tensors, i) => shaped(tensors[i], [1n << 32n, 1n << 32n]),
  wrap: (tensors, i) =>
    shaped(tensors[i], [tensors[i].shape[0], (1n << 63n) / (tensors[i].shape[0] || 1n) + 1n, 2n]),
}
const WEIGHTS = {
  zero: (bytes) => Buffer.alloc(bytes),
  ones: (bytes) => Buffer.alloc(bytes, 0xff),
  random: (bytes) => randomBytes(bytes),
  nan: (bytes) => Buffer.alloc(bytes, Buffer.from('0000c07f', 'hex')),
  infinite: (bytes) => Buffer.alloc(bytes, Buffer.from('0000807f', 'hex')),
  huge: (bytes) => Buffer.alloc(bytes, Buffer.from('ffff7f7f', 'hex')),
}

function changeTokens(gguf, how, count) {
  const key = tok('tokens')
  if (how === 'types fewer')
    return editTypes(gguf, (types) => types.subarray(0, Math.max(0, types.length - 4 * count)))
  if (how === 'none') return editStrings(gguf, key, () => [])
  if (how === 'fewer') return editStrings(gguf, key, (tokens) => tokens.slice(0, -count))
  const more = Array.from({ length: count }, (_, i) => Buffer.from(`[MORE${i}]`))
  editStrings(gguf, key, (tokens) => [...tokens, ...more])
  if (how === 'more') return
  // All that goes with it: the file is as sound as before.
  editTypes(gguf, (types) => Buffer.concat([types, ...more.map(() => u32(5))]))
  for (const tensor of gguf.tensors) {
    if (!/^(token_embd|output)\.weight$/.test(tensor.name.toString())) continue
    const rowBytes = tensor.data.length / Number(tensor.shape[1])
    tensor.data = Buffer.concat([tensor.data, Buffer.alloc(rowBytes * count)])
    tensor.shape[1] += BigInt(count)
  }
}

/** Another type with the data that it has for the shape: the file stays sound in form. */
function retype(tensor, type, fill) {
  const [, values, bytes] = BLOCKS.find(([number]) => number === type)
  const count = Number(tensor.shape.reduce((a, b) => a * b, 1n))
  if (count > 1 << 24) return
  const size = Math.ceil(count / values) * bytes
  tensor.type = type
  tensor.data = [WEIGHTS.zero, WEIGHTS.random, WEIGHTS.ones, WEIGHTS.nan][fill](size)
}

function shaped(tensor, shape) {
  tensor.shape = shape
}

function randomBytes(count) {
  const random = seeded(count)
  const bytes = Buffer.alloc(Math.ceil(count / 4) * 4)
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(Math.floor(random() * 2 ** 32), i)
  return bytes.subarray(0, count)
}

function pairOf(gguf, key) {
  return gguf.pairs.find((pair) => pair.key.toString() === key)
}

function setPair(gguf, key, value) {
  const pair = pairOf(gguf, key)
  if (pair) Object.assign(pair, value)
  else gguf.pairs.push({ key: Buffer.from(key), ...value })
}

function editStrings(gguf, key, change) {
  const pair = pairOf(gguf, key)
  if (pair?.type !== TYPES.array || pair.body.readUInt32LE(0) !== TYPES.string) return
  const strings = stringsOf(pair.body)
  if (strings.length > 0) pair.body = stringsBody(change(strings))
}

function editTypes(gguf, change) {
  const pair = pairOf(gguf, tok('token_type'))
  if (pair?.type !== TYPES.array || pair.body.readUInt32LE(0) !== TYPES.int32) return
  const types = Buffer.from(pair.body.subarray(12))
  const changed = types.length > 0 ? (change(types) ?? types) : types
  pair.body = Buffer.concat([u32(TYPES.int32), u64(changed.length / 4), changed])
}

function index(list, at) {
  return Math.min(list.length - 1, Math.floor(at * list.length))
}

function edit(list, at, change) {
  const one = list[index(list, at)]
  if (one) change(one)
}

function swapped(list, a, b) {
  const [i, j] = [index(list, a), index(list, b)]
  return list.with(i, list[j]).with(j, list[i])
}

function fieldAt({ fields }, kind, at) {
  const those = fields.filter((field) => field[0] === kind)
  return those[index(those, at)]
}

function onField(file, kind, at, change) {
  const [, from, length] = fieldAt(file, kind, at) ?? [null, 0, 8]
  const bytes = file.bytes.subarray(from, Math.min(from + Math.min(length, 64), file.bytes.length))
  if (bytes.length > 0) change(bytes)
  return file.bytes
}

function readWhole(bytes) {
  let value = 0n
  for (let i = Math.min(8, bytes.length) - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i])
  return value
}

function writeWhole(bytes, value) {
  let rest = BigInt.asUintN(64, value)
  for (let i = 0; i < Math.min(8, bytes.length); i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn)
}
