/** Numbers of metadata types in a GGUF. */
const TYPE_NUMBERS = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const

export type Scalar = number | boolean | string
type ScalarType = Exclude<keyof typeof TYPE_NUMBERS, 'array'>
/** `[key, type, value]`; a type such as `string[]` is an array. */
export type Entry = [key: string, type: ScalarType | `${ScalarType}[]`, value: Scalar | readonly Scalar[]]

export interface Tensor {
  name: string
  /** ggml's type number. */
  type: number
  shape: number[]
  /** Default: the next free offset. */
  offset?: number
  data: Uint8Array
}

export interface Gguf {
  version: number
  metadata: Entry[]
  tensors: Tensor[]
  /** Counts written instead of the true ones. */
  keyCount?: number
  tensorCount?: number
}

/** A GGUF's bytes, sound or not: nothing is checked. */
export function writeGguf(gguf: Gguf): Buffer {
  const parts: Buffer[] = []
  const push = (...buffers: Buffer[]) => {
    parts.push(...buffers)
  }
  push(Buffer.from('GGUF'), uint32(gguf.version))
  push(uint64(gguf.tensorCount ?? gguf.tensors.length), uint64(gguf.keyCount ?? gguf.metadata.length))
  for (const [key, type, value] of gguf.metadata) {
    push(text(key))
    if (Array.isArray(value)) {
      const of = type.replace('[]', '') as ScalarType
      push(uint32(TYPE_NUMBERS.array), uint32(TYPE_NUMBERS[of]), uint64(value.length))
      push(...value.map((one) => scalar(of, one)))
    } else {
      push(uint32(TYPE_NUMBERS[type as ScalarType]), scalar(type as ScalarType, value as Scalar))
    }
  }
  let offset = 0
  for (const tensor of gguf.tensors) {
    push(text(tensor.name), uint32(tensor.shape.length), ...tensor.shape.map(uint64), uint32(tensor.type))
    push(uint64(tensor.offset ?? offset))
    offset += padded(tensor.data.length)
  }
  const header = Buffer.concat(parts)
  const data = gguf.tensors.flatMap(({ data }) => [data, new Uint8Array(padded(data.length) - data.length)])
  return Buffer.concat([header, new Uint8Array(padded(header.length) - header.length), ...data])
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 32) * 32
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value >>> 0)
  return buffer
}

function uint64(value: number): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)))
  return buffer
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint64(bytes.length), bytes])
}

function scalar(type: ScalarType, value: Scalar): Buffer {
  const buffer = Buffer.alloc(8)
  switch (type) {
    case 'string':
      return text(String(value))
    case 'bool':
      return Buffer.from([value ? 1 : 0])
    case 'uint8':
    case 'int8':
      return Buffer.from([Number(value) & 0xff])
    case 'uint16':
    case 'int16':
      buffer.writeUInt16LE(Number(value) & 0xffff)
      return buffer.subarray(0, 2)
    case 'uint32':
    case 'int32':
      return uint32(Number(value))
    case 'float32':
      buffer.writeFloatLE(Number(value))
      return buffer.subarray(0, 4)
    case 'float64':
      buffer.writeDoubleLE(Number(value))
      return buffer
    case 'uint64':
    case 'int64':
      return uint64(Number(value))
  }
}
