import { open } from 'node:fs/promises'
import { brokenGguf } from '../gguf/format.js'
import { typeInfo } from '../gguf/ggml-types.js'
import type { GgufFile, GgufTensor } from '../gguf/reader.js'

const VERSION = 3
/** Number of the value type uint32 in a GGUF. */
const UINT32 = 4

/**
 * The header of a GGUF that is `source` but for the types of its tensors and the uint32 keys in `changed`,
 * which are replaced where they stand or added at the end. All other keys are copied byte by byte, so none
 * is lost or rewritten, whatever its type.
 *
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * @param types ggml's name of each tensor's new type, in the file's order
 * @returns ready to be followed by each tensor's data, padded to `source.alignment`
 */
export async function requantizedHeader(
  source: GgufFile,
  changed: ReadonlyMap<string, number>,
  types: readonly string[],
): Promise<Buffer> {
  const parts: Buffer[] = []
  const handle = await open(source.path, 'r')
  try {
    for (const [key, { offset, bytes }] of source.entries) {
      const value = changed.get(key)
      if (value !== undefined) {
        parts.push(text(key), uint32(UINT32), uint32(value))
        continue
      }
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, offset)
      if (bytesRead < bytes) {
        throw brokenGguf(source.path, `metadata key ${key}`, 'the file became shorter while it was read')
      }
      parts.push(buffer)
    }
  } finally {
    await handle.close()
  }
  const added = [...changed].filter(([key]) => !source.entries.has(key))
  for (const [key, value] of added) parts.push(text(key), uint32(UINT32), uint32(value))

  let offset = 0
  for (const [i, tensor] of source.tensors.entries()) {
    const type = types[i] as string
    parts.push(text(tensor.name), uint32(tensor.shape.length), ...tensor.shape.map(uint64))
    parts.push(uint32(typeInfo(type).number), uint64(offset))
    offset += padded(tensorBytes(tensor, type), source.alignment)
  }
  const keys = source.entries.size + added.length
  const head = [Buffer.from('GGUF'), uint32(VERSION), uint64(source.tensors.length), uint64(keys)]
  const header = Buffer.concat([...head, ...parts])
  return Buffer.concat([header, Buffer.alloc(padded(header.length, source.alignment) - header.length)])
}

/** Bytes of a tensor's data in another type. */
export function tensorBytes({ shape }: Pick<GgufTensor, 'shape'>, type: string): number {
  const { blockSize, blockBytes } = typeInfo(type)
  return (shape.reduce((product, length) => product * length, 1) / blockSize) * blockBytes
}

function padded(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}

function uint64(value: number): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value))
  return buffer
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint64(bytes.length), bytes])
}
