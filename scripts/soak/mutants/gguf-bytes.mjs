// A GGUF as bytes that can be taken apart, changed and put together again, sound or not: nothing is checked.
import { SCALAR_TYPES } from '../../../dist/models/gguf/format.js'

/** Bytes of a value of each metadata type; 0: string (8) and array (9). */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]
/** Their numbers by name. */
export const TYPES = Object.fromEntries(SCALAR_TYPES.map((name, number) => [name, number]))

/**
 * @typedef {{ key: Buffer, type: number, body: Buffer }} Pair `body`: the value as the file has it, after its type
 * @typedef {{ name: Buffer, type: number, shape: bigint[], data: Buffer, offset?: bigint }} Tensor
 * @typedef {{ version: number, alignment: number, pairs: Pair[], tensors: Tensor[] }} Gguf
 */

/** @returns {Gguf} of sound bytes */
export function parse(bytes) {
  let at = 4
  const u32 = () => {
    at += 4
    return bytes.readUInt32LE(at - 4)
  }
  const u64 = () => {
    at += 8
    return bytes.readBigUInt64LE(at - 8)
  }
  const text = () => {
    const length = Number(u64())
    at += length
    return bytes.subarray(at - length, at)
  }
  const version = u32()
  const tensorCount = Number(u64())
  const keyCount = Number(u64())
  const pairs = []
  for (let i = 0; i < keyCount; i++) {
    const key = text()
    const type = u32()
    const from = at
    if (type === TYPES.string) text()
    else if (type === TYPES.array) {
      const of = u32()
      const count = Number(u64())
      if (of === TYPES.string) for (let k = 0; k < count; k++) text()
      else at += count * VALUE_BYTES[of]
    } else at += VALUE_BYTES[type]
    pairs.push({ key, type, body: bytes.subarray(from, at) })
  }
  const stated = pairs.find(({ key }) => key.toString() === 'general.alignment')
  const alignment = stated ? stated.body.readUInt32LE(0) : 32
  const tensors = []
  for (let i = 0; i < tensorCount; i++) {
    const name = text()
    const shape = Array.from({ length: u32() }, u64)
    tensors.push({ name, shape, type: u32(), offset: Number(u64()) })
  }
  const start = padded(at, alignment)
  tensors.forEach((tensor, i) => {
    const end = i + 1 < tensors.length ? start + tensors[i + 1].offset : bytes.length
    tensor.data = bytes.subarray(start + tensor.offset, end)
  })
  for (const tensor of tensors) delete tensor.offset
  return { version, alignment, pairs, tensors }
}

/**
 * Bytes of it, and where its fields lie: `[kind, offset, bytes]` each. `alignment` pads; what the file says of it is a
 * pair like any other.
 *
 * @returns {{ bytes: Buffer, fields: [string, number, number][], headerBytes: number }}
 */
export function assemble({ version, alignment, pairs, tensors }) {
  const parts = []
  const fields = []
  let at = 0
  const push = (kind, buffer) => {
    if (kind) fields.push([kind, at, buffer.length])
    parts.push(buffer)
    at += buffer.length
  }
  push('magic', Buffer.from('GGUF'))
  push('version', u32(version))
  push('tensor count', u64(tensors.length))
  push('key count', u64(pairs.length))
  for (const { key, type, body } of pairs) {
    push('key length', u64(key.length))
    push('key', key)
    push('value type', u32(type))
    const from = at
    if (type === TYPES.string) {
      fields.push(['string length', from, 8], ['string', from + 8, body.length - 8])
    } else if (type === TYPES.array && body.length >= 12) {
      fields.push(['array type', from, 4], ['array count', from + 4, 8])
      const of = body.readUInt32LE(0)
      if (of === TYPES.string) {
        // Of a vocabulary some: every 97th.
        const count = Number(body.readBigUInt64LE(4))
        let place = 12
        for (let i = 0; i < count && place + 8 <= body.length; i++) {
          const length = Number(body.readBigUInt64LE(place))
          if (i < 4 || i % 97 === 0) {
            fields.push(['element length', from + place, 8], ['element', from + place + 8, length])
          }
          place += 8 + length
        }
      } else if (body.length > 16) fields.push(['element', from + 12, VALUE_BYTES[of] ?? 1])
    } else fields.push(['number', from, body.length])
    push(null, body)
  }
  let offset = 0n
  for (const tensor of tensors) {
    push('name length', u64(tensor.name.length))
    push('name', tensor.name)
    push('rank', u32(tensor.shape.length))
    for (const length of tensor.shape) push('dimension', u64(length))
    push('tensor type', u32(tensor.type))
    push('offset', u64(tensor.offset ?? offset))
    offset += BigInt(padded(tensor.data.length, alignment))
  }
  const headerBytes = at
  push('padding', Buffer.alloc(padded(at, alignment) - at))
  for (const { data } of tensors) {
    push('data', data)
    push(null, Buffer.alloc(padded(data.length, alignment) - data.length))
  }
  return { bytes: Buffer.concat(parts), fields: fields.filter(([, , length]) => length > 0), headerBytes }
}

/** Strings of an array's body. */
export function stringsOf(body) {
  const strings = []
  for (let i = Number(body.readBigUInt64LE(4)), at = 12; i > 0; i--) {
    const length = Number(body.readBigUInt64LE(at))
    strings.push(body.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return strings
}

export function stringsBody(strings) {
  return Buffer.concat([u32(TYPES.string), u64(strings.length), ...strings.flatMap(textParts)])
}

export function textBody(value) {
  return Buffer.concat(textParts(Buffer.from(value)))
}

/** Type number and body of a value; `type` as in `uint32` or `string[]`. */
export function pairValue(type, value) {
  if (!type.endsWith('[]')) return { type: TYPES[type], body: one(type, value) }
  const of = type.slice(0, -2)
  const elements = value.map((element) => one(of, element))
  return { type: TYPES.array, body: Buffer.concat([u32(TYPES[of]), u64(value.length), ...elements]) }
}

function one(type, value) {
  if (type === 'string') return textBody(value)
  const buffer = Buffer.alloc(VALUE_BYTES[TYPES[type]])
  if (type === 'float32') buffer.writeFloatLE(Number(value))
  else if (type === 'float64') buffer.writeDoubleLE(Number(value))
  else {
    // JSON has no whole numbers above 2^53: those are strings.
    let rest = BigInt.asUintN(64, BigInt(value === true ? 1 : value === false ? 0 : value))
    for (let i = 0; i < buffer.length; i++, rest >>= 8n) buffer[i] = Number(rest & 0xffn)
  }
  return buffer
}

function textParts(bytes) {
  return [u64(bytes.length), bytes]
}

export function u32(value) {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value >>> 0)
  return buffer
}

export function u64(value) {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)))
  return buffer
}

export function padded(bytes, alignment) {
  return Math.ceil(bytes / alignment) * alignment
}
