import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkpointPath } from './fixtures.js'

export interface StoredTensor {
  dtype: string
  shape: number[]
  data: Buffer
}

/** A copy of a fixture checkpoint, to be broken. */
export function copyCheckpoint(name: string, parent: string, copy: string): string {
  const directory = join(parent, copy)
  cpSync(checkpointPath(name), directory, { recursive: true })
  return directory
}

export function editJson(path: string, change: (value: Record<string, unknown>) => void): void {
  const value = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  change(value)
  writeFileSync(path, JSON.stringify(value))
}

/** Changes the tensors of a safetensors file. */
export function editTensors(path: string, change: (tensors: Map<string, StoredTensor>) => void): void {
  const tensors = readTensors(path)
  change(tensors)
  writeTensors(path, tensors)
}

export function readTensors(path: string): Map<string, StoredTensor> {
  const bytes = readFileSync(path)
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  const tensors = new Map<string, StoredTensor>()
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const [from, to] = offsets
    tensors.set(name, { dtype, shape, data: bytes.subarray(8 + length + from, 8 + length + to) })
  }
  return tensors
}

/** Writes a safetensors file; `header` may change what its header says. */
export function writeTensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  header: (
    entries: Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>,
  ) => void = () => {},
): void {
  let offset = 0
  const entries = Object.fromEntries(
    [...tensors].map(([name, { dtype, shape, data }]) => {
      const from = offset
      offset += data.length
      return [name, { dtype, shape, data_offsets: [from, offset] }]
    }),
  )
  header(entries)
  const json = Buffer.from(JSON.stringify(entries))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(path, Buffer.concat([length, json, ...[...tensors.values()].map(({ data }) => data)]))
}

/** A tensor of f32 values, all the same. */
export function constant(shape: number[], value: number): StoredTensor {
  const count = shape.reduce((a, b) => a * b, 1)
  return { dtype: 'F32', shape, data: Buffer.from(new Float32Array(count).fill(value).buffer) }
}
