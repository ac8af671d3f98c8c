import { once } from 'node:events'
import { addAbortSignal } from 'node:stream'
import { InputError } from '../data/input-error.js'

/** Writes to stdout and waits while its reader is behind. */
export async function print(text: string, signal?: AbortSignal): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain', signal && { signal })
}

let taken = false

/** The bytes that arrive on stdin, as they arrive. @throws InputError where something else has taken it */
export async function* stdinBytes(signal: AbortSignal): AsyncGenerator<Buffer> {
  if (taken) throw new InputError('stdin can be read once: give "-" for one text alone')
  taken = true
  addAbortSignal(signal, process.stdin)
  yield* process.stdin as AsyncIterable<Buffer>
}

/**
 * The text that arrives on stdin, as it arrives, without a byte order mark before it; bytes that are not UTF-8 become
 * U+FFFD.
 *
 * @throws InputError where something else has taken it
 */
export async function* stdinText(signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8')
  for await (const chunk of stdinBytes(signal)) {
    const text = decoder.decode(chunk, { stream: true })
    if (text !== '') yield text
  }
  const rest = decoder.decode()
  if (rest !== '') yield rest
}
