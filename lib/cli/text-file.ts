import { readFile } from 'node:fs/promises'
import { InputError } from '../data/input-error.js'
import { stdinText } from './standard-streams.js'

/** Files that begin so are no text in UTF-8, and what makes them that. */
const FOREIGN: [begins: number[], what: string, mending: (file: string) => string][] = [
  [[0x1f, 0x8b], 'gzip', (file) => `unpack it: \`gunzip -c ${file}\``],
  [[0x28, 0xb5, 0x2f, 0xfd], 'Zstandard', (file) => `unpack it: \`zstd -dc ${file}\``],
  [[0x50, 0x4b, 0x03, 0x04], 'a zip archive, as spreadsheets are', () => 'unpack or export it'],
  [[0x50, 0x41, 0x52, 0x31], 'Parquet', () => 'export it as JSONL'],
  [[0xff, 0xfe], 'UTF-16', (file) => `convert it: \`iconv -f UTF-16 -t UTF-8 ${file}\``],
  [[0xfe, 0xff], 'UTF-16', (file) => `convert it: \`iconv -f UTF-16 -t UTF-8 ${file}\``],
]

/** What bytes are that begin a file of another format, with what to do about it; null where they may be text. */
export function foreignBytes(head: Uint8Array, file: string): string | null {
  const found = FOREIGN.find(([begins]) => begins.every((byte, i) => head[i] === byte))
  return found ? `${found[1]}, expected text in UTF-8: ${found[2](file)}` : null
}

/**
 * A file's text, or stdin's for `-`, without the byte order mark that some editors put first. @throws InputError for other
 * formats
 */
export async function readTextFile(path: string, signal: AbortSignal): Promise<string> {
  if (path === '-') {
    let text = ''
    for await (const piece of stdinText(signal)) text += piece
    return text
  }
  const bytes = await readFile(path)
  const foreign = foreignBytes(bytes, path)
  if (foreign) throw new InputError(`${path} is ${foreign}`)
  return new TextDecoder().decode(bytes)
}
