import { createReadStream } from 'node:fs'
import { utf8Bytes } from '../data/encoding.js'
import { InputError } from '../data/input-error.js'
import { stdinBytes } from './standard-streams.js'

/** Files that begin so are no text in UTF-8, and what makes them that. */
const FOREIGN: [begins: number[], what: string, mending: (file: string) => string][] = [
  [[0x1f, 0x8b], 'gzip', (file) => `unpack it: \`gunzip -c ${file}\``],
  [[0x28, 0xb5, 0x2f, 0xfd], 'Zstandard', (file) => `unpack it: \`zstd -dc ${file}\``],
  [[0x50, 0x4b, 0x03, 0x04], 'a zip archive, as spreadsheets are', () => 'unpack or export it'],
  [[0x50, 0x41, 0x52, 0x31], 'Parquet', () => 'export it as JSONL'],
]

/** What bytes are that begin a file of another format, with what to do about it; null where they may be text. */
export function foreignBytes(head: Uint8Array, file: string): string | null {
  const found = FOREIGN.find(([begins]) => begins.every((byte, i) => head[i] === byte))
  return found ? `${found[1]}, expected text in UTF-8: ${found[2](file)}` : null
}

/** Bytes of a text that is read whole: more than any context holds. */
const MOST_BYTES = 64 * 1024 * 1024

/**
 * A file's text, or stdin's for `-`, without the byte order mark that some editors put first; UTF-16 with one, which PowerShell
 * writes, is converted. @throws InputError for other
 * formats, and for what is too long to be one text; the disk's error
 */
export async function readTextFile(path: string, signal: AbortSignal): Promise<string> {
  const name = path === '-' ? 'stdin' : path
  const chunks: Uint8Array[] = []
  let length = 0
  const source: AsyncIterable<Uint8Array> =
    path === '-' ? stdinBytes(signal) : createReadStream(path, { signal })
  for await (const chunk of await utf8Bytes(source, name)) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MOST_BYTES) {
      throw new InputError(
        `${name} has more than ${MOST_BYTES / 1024 / 1024} MiB, which is no single text: \`qwen3guard batch\` judges rows, however many`,
      )
    }
  }
  const bytes = Buffer.concat(chunks, length)
  const foreign = foreignBytes(bytes, path)
  if (foreign) throw new InputError(`${name} is ${foreign}`)
  return new TextDecoder().decode(bytes)
}
