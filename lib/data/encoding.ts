import { InputError } from './input-error.js'
import { peek } from './unpack.js'

/**
 * The bytes of a text in UTF-8, without the byte order mark before it; UTF-16 with one is converted. Other bytes that
 * are no UTF-8 are left as they are, for the row that holds them.
 *
 * @throws InputError for UTF-16 that is broken, or has no byte order mark
 */
export async function utf8Bytes(
  source: AsyncIterable<Uint8Array>,
  name: string,
): Promise<AsyncIterable<Uint8Array>> {
  const { head, all } = await peek(source, () => true)
  if (head[0] === 0xff && head[1] === 0xfe) return converted(all, 'utf-16le', name)
  if (head[0] === 0xfe && head[1] === 0xff) return converted(all, 'utf-16be', name)
  if (head.length >= 4 && (head[0] === 0 || head[1] === 0) && head[2] !== head[3]) {
    throw new InputError(
      `${name} looks like UTF-16 without a byte order mark, expected UTF-8: \`iconv -f UTF-16LE -t UTF-8 ${name}\``,
    )
  }
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? without(all, 3) : all
}

async function* converted(
  source: AsyncIterable<Uint8Array>,
  encoding: 'utf-16le' | 'utf-16be',
  name: string,
): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode()
    } catch (cause) {
      throw new InputError(
        `${name} begins as UTF-16 and holds bytes that are none: convert it to UTF-8, or export it again`,
        { cause },
      )
    }
  }
  for await (const chunk of source) {
    const text = decode(chunk)
    if (text !== '') yield Buffer.from(text, 'utf8')
  }
  const rest = decode()
  if (rest !== '') yield Buffer.from(rest, 'utf8')
}

async function* without(source: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count
  for await (const chunk of source) {
    const skipped = Math.min(left, chunk.length)
    left -= skipped
    if (skipped < chunk.length) yield chunk.subarray(skipped)
  }
}
