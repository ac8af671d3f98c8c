import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Decompress } from 'fzstd'
import { InputError } from './input-error.js'

/** Bytes that tell the packing and the format; what comes before the first row's end and is longer is not looked at. */
export const HEAD_BYTES = 1 << 18

/** The first bytes of a source, at most `HEAD_BYTES`, and all of it, those included. */
export async function peek(
  source: AsyncIterable<Uint8Array>,
  enough: (head: Buffer) => boolean,
): Promise<{ head: Buffer; all: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  let ended = false
  while (!ended && head.length < HEAD_BYTES && !(head.length >= 4 && enough(head))) {
    const next = await iterator.next()
    if (next.done) ended = true
    else head = Buffer.concat([head, next.value])
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head
      while (!ended) {
        const next = await iterator.next()
        if (next.done) ended = true
        else yield next.value
      }
    } finally {
      await iterator.return?.()
    }
  }
  return { head, all: all() }
}

/** What a gzip or Zstandard file holds, and any other source as it is. @throws InputError where it is broken */
export async function unpack(
  source: AsyncIterable<Uint8Array>,
  name: string,
): Promise<AsyncIterable<Uint8Array>> {
  const { head, all } = await peek(source, () => true)
  if (head[0] === 0x1f && head[1] === 0x8b) return gunzip(all, name)
  if (head.subarray(0, 4).equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))) return unzstd(all, name)
  if (head.subarray(0, 3).toString('latin1') === 'BZh' && /[1-9]/.test(String.fromCharCode(head[3] ?? 0))) {
    throw new InputError(`${name} is bzip2, which is not read: unpack it, \`bunzip2 -c ${name}\``)
  }
  if (head.subarray(0, 4).equals(Buffer.from([0xfd, 0x37, 0x7a, 0x58]))) {
    throw new InputError(`${name} is xz, which is not read: unpack it, \`xz -dc ${name}\``)
  }
  return all
}

async function* gunzip(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const input = Readable.from(source, { objectMode: false })
  const output = createGunzip()
  input.on('error', (error) => output.destroy(error))
  try {
    yield* input.pipe(output) as AsyncIterable<Uint8Array>
  } catch (error) {
    throw isZlibError(error) ? broken(name, 'gzip', error) : error
  } finally {
    input.destroy()
    output.destroy()
  }
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^Z_/.test(String(error.code))
}

async function* unzstd(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  let unpacked: Uint8Array[] = []
  let ended = false
  const stream = new Decompress((data, final) => {
    if (data.length > 0) unpacked.push(data)
    ended = final === true
  })
  const push = (chunk: Uint8Array, final: boolean): Uint8Array[] => {
    unpacked = []
    try {
      stream.push(chunk, final)
    } catch (error) {
      throw broken(name, 'Zstandard', error as Error)
    }
    return unpacked
  }
  for await (const chunk of source) yield* push(chunk, false)
  yield* push(new Uint8Array(0), true)
  if (!ended) throw new InputError(`${name} is Zstandard that ends early: fetch or pack it again`)
}

function broken(name: string, packing: string, cause: Error): InputError {
  return new InputError(
    `${name} is ${packing} that is broken or ends early (${cause.message}): fetch or pack it again`,
    {
      cause,
    },
  )
}
