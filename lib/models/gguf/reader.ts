import type { FileHandle } from 'node:fs/promises'
import { ModelFileError } from '../../errors.js'
import { EndOfFile, FileCursor } from './file-cursor.js'
import type { GgufArray, GgufFile, GgufScalar, GgufScalarType, GgufTensor, GgufValue } from './format.js'
import { brokenGguf, GGUF_LIMITS, SCALAR_BYTES, SCALAR_TYPES, scalar, text } from './format.js'
import { GGML_TYPES } from './ggml-types.js'
import { notGguf, openModelFile } from './model-file.js'

const MAGIC = 'GGUF'
/** Bytes of the shortest possible entry: a key of one byte with a value of one; a tensor with one dimension. */
const LEAST_KEY_BYTES = 8 + 1 + 4 + 1
const LEAST_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8

export type { GgufArray, GgufFile, GgufScalar, GgufScalarType, GgufTensor, GgufValue } from './format.js'

/** What {@link scanGguf} could read, and the defect that stopped it. */
export interface GgufScan {
  file: GgufFile
  error: ModelFileError | null
}

/**
 * Reads the header of a GGUF file (version 2 or 3, little endian), without the weights and without
 * holding the vocabulary in memory, and refuses one whose structure is not sound: limits, duplicate
 * names, types, shapes, offsets and sizes. What the values mean is `checkGguf`'s business.
 *
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * @throws ModelFileError ERR_MODEL_NOT_FOUND, or ERR_MODEL_INVALID saying where, what was expected and what came
 */
export async function readGguf(
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<GgufFile> {
  const { file, error } = await scanGguf(path, options)
  if (error) throw error
  return file
}

/** {@link readGguf} that keeps what it had read when it met a defect. Still throws if the file cannot be opened. */
export async function scanGguf(
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<GgufScan> {
  const { handle, size } = await openModelFile(path)
  const header = new HeaderReader(path, handle, size, options.signal)
  try {
    await header.read()
    return { file: header.file(), error: null }
  } catch (error) {
    if (!(error instanceof ModelFileError)) throw error
    return { file: header.file(), error }
  } finally {
    await handle.close()
  }
}

class HeaderReader {
  readonly #path: string
  readonly #cursor: FileCursor
  readonly #metadata = new Map<string, GgufValue>()
  readonly #entries = new Map<string, { offset: number; bytes: number }>()
  readonly #tensors: GgufTensor[] = []
  #version = 0
  #alignment = 32
  #dataOffset = 0
  /** What is being read, for messages. */
  #where = 'the header'

  constructor(path: string, handle: FileHandle, size: number, signal: AbortSignal | undefined) {
    this.#path = path
    this.#cursor = new FileCursor(handle, size, 0, signal)
  }

  file(): GgufFile {
    return {
      path: this.#path,
      size: this.#cursor.size,
      version: this.#version,
      alignment: this.#alignment,
      metadata: this.#metadata,
      entries: this.#entries,
      tensors: this.#tensors,
      dataOffset: this.#dataOffset,
    }
  }

  async read(): Promise<void> {
    try {
      await this.#readAll()
    } catch (error) {
      if (!(error instanceof EndOfFile)) throw error
      this.#refuse(
        `the file ends after ${error.size} bytes; ${error.wanted} more were expected at offset ${error.offset}`,
      )
    }
  }

  async #readAll(): Promise<void> {
    const cursor = this.#cursor
    const { size } = cursor
    await cursor.need(Math.min(size, 64))
    const head = cursor.peek(64)
    if (head.subarray(0, 4).toString('latin1') !== MAGIC) throw notGguf(this.#path, head, size)
    cursor.skip(4)
    await cursor.need(20)
    this.#version = cursor.uint32()
    if (this.#version !== 2 && this.#version !== 3) this.#refuseVersion()
    const tensors = cursor.length64()
    const keys = cursor.length64()
    this.#bound('the number of tensors', tensors, GGUF_LIMITS.tensors, LEAST_TENSOR_BYTES)
    this.#bound('the number of metadata keys', keys, GGUF_LIMITS.keys, LEAST_KEY_BYTES)
    for (let i = 0; i < keys; i++) await this.#readKey(i, keys)
    this.#readAlignment()
    const shapes: Omit<GgufTensor, 'bytes'>[] = []
    const names = new Set<string>()
    for (let i = 0; i < tensors; i++) shapes.push(await this.#readTensor(i, tensors, names))
    this.#dataOffset = pad(cursor.position, this.#alignment)
    this.#placeTensors(shapes)
  }

  async #readKey(index: number, count: number): Promise<void> {
    this.#where = `metadata key ${index + 1} of ${count}`
    const offset = this.#cursor.position
    const key = await this.#string(GGUF_LIMITS.keyBytes)
    if (key === '') this.#refuse('the key is empty, expected a name')
    if (key.includes('\0')) this.#refuse(`the key ${JSON.stringify(key)} holds a zero byte`)
    this.#where = `metadata key ${key}`
    if (this.#metadata.has(key)) this.#refuse('the key is there twice, expected once')
    await this.#cursor.need(4)
    const type = this.#type(this.#cursor.int32())
    this.#metadata.set(
      key,
      type === 'array' ? await this.#array() : { type, value: await this.#scalar(type) },
    )
    this.#entries.set(key, { offset, bytes: this.#cursor.position - offset })
    if (this.#cursor.position > GGUF_LIMITS.headerBytes) this.#refuseHeaderSize()
  }

  #refuseHeaderSize(): never {
    this.#refuse(`the header is larger than ${GGUF_LIMITS.headerBytes} bytes, the most that is read`)
  }

  #type(number: number): GgufScalarType | 'array' {
    return (
      SCALAR_TYPES[number] ?? this.#refuse(`its type is ${number}, expected 0 to ${SCALAR_TYPES.length - 1}`)
    )
  }

  async #scalar(type: GgufScalarType): Promise<GgufScalar> {
    if (type === 'string') return this.#string(GGUF_LIMITS.stringBytes)
    await this.#cursor.need(SCALAR_BYTES[type])
    return scalar(this.#cursor, type)
  }

  async #array(): Promise<GgufArray> {
    const cursor = this.#cursor
    await cursor.need(12)
    const of = this.#type(cursor.int32())
    const count = cursor.length64()
    if (of === 'array') this.#refuse('it is an array of arrays, which llama.cpp does not read')
    this.#bound('its number of elements', count, GGUF_LIMITS.headerBytes / SCALAR_BYTES[of], SCALAR_BYTES[of])
    const offset = cursor.position
    const values: GgufScalar[] | null = count <= GGUF_LIMITS.smallArray.count ? [] : null
    if (of === 'string') {
      for (let i = 0; i < count; i++) {
        if (!values) i += cursor.skipStrings(count - i - 1, GGUF_LIMITS.stringBytes)
        if (!cursor.has(8)) await cursor.need(8)
        const bytes = this.#stringLength(GGUF_LIMITS.stringBytes)
        if (cursor.position > GGUF_LIMITS.headerBytes) this.#refuseHeaderSize()
        if (values && cursor.position - offset + bytes <= GGUF_LIMITS.smallArray.bytes) {
          await cursor.need(bytes)
          values.push(this.#decode(bytes))
        } else {
          cursor.skip(bytes)
        }
      }
    } else if (values) {
      await cursor.need(count * SCALAR_BYTES[of])
      for (let i = 0; i < count; i++) values.push(scalar(cursor, of))
    } else {
      cursor.skip(count * SCALAR_BYTES[of])
    }
    const bytes = cursor.position - offset
    return { type: 'array', of, count, offset, bytes, values: values?.length === count ? values : null }
  }

  async #string(most: number): Promise<string> {
    await this.#cursor.need(8)
    const bytes = this.#stringLength(most)
    await this.#cursor.need(bytes)
    return this.#decode(bytes)
  }

  #stringLength(most: number): number {
    const bytes = this.#cursor.length64()
    if (bytes > most)
      this.#refuse(
        `a string has ${Number.isFinite(bytes) ? bytes : 'over 2^53'} bytes, expected at most ${most}`,
      )
    return bytes
  }

  #decode(bytes: number): string {
    const came = () => JSON.stringify(this.#cursor.taken(Math.min(bytes, 40)).toString('latin1'))
    return text(this.#cursor, bytes) ?? this.#refuse(`a string is not UTF-8: ${came()}`)
  }

  #readAlignment(): void {
    const value = this.#metadata.get('general.alignment')
    if (value === undefined) return
    this.#where = 'metadata key general.alignment'
    const { least, most } = GGUF_LIMITS.alignment
    if (value.type !== 'uint32') this.#refuse(`its type is ${value.type}, expected uint32`)
    const alignment = value.value as number
    if (alignment < least || alignment > most || (alignment & (alignment - 1)) !== 0) {
      this.#refuse(`it is ${alignment}, expected a power of two from ${least} to ${most}`)
    }
    this.#alignment = alignment
  }

  async #readTensor(index: number, count: number, names: Set<string>): Promise<Omit<GgufTensor, 'bytes'>> {
    const cursor = this.#cursor
    this.#where = `tensor ${index + 1} of ${count}`
    const name = await this.#string(GGUF_LIMITS.nameBytes)
    if (name === '') this.#refuse('its name is empty')
    if (name.includes('\0')) this.#refuse(`its name ${JSON.stringify(name)} holds a zero byte`)
    this.#where = `tensor ${name}`
    if (names.has(name)) this.#refuse('the name is there twice, expected once')
    names.add(name)
    await cursor.need(4)
    const dimensions = cursor.uint32()
    if (dimensions < 1 || dimensions > GGUF_LIMITS.dimensions) {
      this.#refuse(`it has ${dimensions} dimensions, expected 1 to ${GGUF_LIMITS.dimensions}`)
    }
    await cursor.need(dimensions * 8 + 12)
    const shape: number[] = []
    let values = 1
    for (let i = 0; i < dimensions; i++) {
      const length = cursor.length64()
      values *= length
      shape.push(length)
    }
    if (!(values > 0 && values <= Number.MAX_SAFE_INTEGER)) {
      this.#refuse(`its shape is [${shape.join(', ')}], expected dimensions above 0 that fit the file`)
    }
    const number = cursor.int32()
    const info = GGML_TYPES.get(number)
    if (!info) this.#refuse(`its type is ${number}, which the pinned llama.cpp does not know`)
    if (shape[0]! % info.blockSize !== 0) {
      this.#refuse(
        `its rows have ${shape[0]} values, expected a multiple of ${info.blockSize} for ${info.name}`,
      )
    }
    return { name, type: info.name, shape, offset: cursor.length64() }
  }

  /** llama.cpp wants the tensors one after the other, in the table's order, each padded to the alignment. */
  #placeTensors(shapes: readonly Omit<GgufTensor, 'bytes'>[]): void {
    const byName = new Map([...GGML_TYPES.values()].map((info) => [info.name, info]))
    let expected = 0
    for (const tensor of shapes) {
      this.#where = `tensor ${tensor.name}`
      const info = byName.get(tensor.type)!
      const values = tensor.shape.reduce((product, length) => product * length, 1)
      const bytes = (values / info.blockSize) * info.blockBytes
      if (tensor.offset % this.#alignment !== 0) {
        this.#refuse(`its data offset is ${tensor.offset}, expected a multiple of ${this.#alignment}`)
      }
      if (tensor.offset !== expected) {
        const how = tensor.offset < expected ? 'it overlaps the tensor before it' : 'there is a gap before it'
        this.#refuse(`its data offset is ${tensor.offset}, expected ${expected}: ${how}`)
      }
      const end = this.#dataOffset + tensor.offset + bytes
      if (end > this.#cursor.size) {
        this.#refuse(
          `its data end at byte ${end}, the file has ${this.#cursor.size}: the download or copy did not finish`,
        )
      }
      this.#tensors.push({ ...tensor, offset: this.#dataOffset + tensor.offset, bytes })
      expected = pad(tensor.offset + bytes, this.#alignment)
    }
  }

  #bound(what: string, count: number, most: number, leastBytes: number): void {
    if (count > most) this.#refuse(`${what} is ${count}, expected at most ${most}`)
    if (count * leastBytes > this.#cursor.remaining) {
      this.#refuse(
        `${what} is ${count}, which needs at least ${count * leastBytes} bytes; the file has ${this.#cursor.remaining} left`,
      )
    }
  }

  #refuseVersion(): never {
    const version = this.#version
    if (version === 1)
      this.#refuse('it is GGUF version 1, which llama.cpp no longer reads; get the model as version 3')
    if (version > 0 && (version & 0xffff) === 0) {
      this.#refuse(
        'it is a big-endian GGUF, expected little endian; convert the checkpoint again on this machine',
      )
    }
    this.#refuse(`its GGUF version is ${version}, expected 2 or 3; update this package if the file is newer`)
  }

  #refuse(what: string): never {
    throw brokenGguf(this.#path, this.#where, what)
  }
}

function pad(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}
