import { Duplex, type Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import type { Input } from '../types.js'
import { Channel } from './channel.js'
import type { Moderator } from './moderator.js'
import { releasedText, type TextStreamOptions } from './text-stream.js'

export type { BlockEvent, Moderator } from './moderator.js'
export type { TextStreamOptions } from './text-stream.js'

/** A reply as Node streams give it: text, or UTF-8 bytes cut anywhere. */
export type NodeReply = Readable | AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>

/**
 * A stage for `pipeline` through which the text of a reply passes as it is released. A block ends the stage after
 * the released text and the replacement, and destroys the source; with `onBlock: 'error'` the pipeline fails.
 *
 * @throws TypeError or RangeError for arguments
 * @example
 * await pipeline(reply, moderationStage(guard, question, { replacement: '[withheld]' }), response)
 */
export function moderationStage(
  guard: Moderator,
  input: Input,
  options: TextStreamOptions = {},
): (reply: NodeReply) => AsyncIterableIterator<string, void, undefined> {
  // Arguments are refused here rather than in the pipeline.
  releasedText(guard, input, options, 'moderationStage')
  return (reply) => releasedText(guard, input, options, 'moderationStage').read(textOf(reply))
}

/**
 * The same as a Duplex of text, for `pipe` and `compose`. Its readable side gives strings.
 *
 * A block ends the readable side. Node has no way to stop a source that is piped into a stream but to let it fail, so
 * what still comes is read and dropped; with `onBlock: 'error'` the stream is destroyed with a ReplyBlockedError,
 * and in a `pipeline` the source with it.
 *
 * @throws TypeError or RangeError for arguments
 */
export function moderationStream(guard: Moderator, input: Input, options: TextStreamOptions = {}): Duplex {
  const source = new Channel<string>()
  const decoder = new StringDecoder('utf8')
  const parts = releasedText(guard, input, options).read(source)
  return new Duplex({
    encoding: 'utf8',
    // Text stays text: a piece may end within a surrogate pair.
    decodeStrings: false,
    read() {
      parts.next().then(
        ({ done, value }) => this.push(done ? null : value),
        (error) => this.destroy(error),
      )
    },
    write(chunk: string | Buffer, encoding: string, callback) {
      source.push(decodedText(decoder, chunk, encoding))
      void source.drained().then(() => callback())
    },
    final(callback) {
      source.push(decoder.end())
      source.end()
      callback()
    },
    destroy(error, callback) {
      parts.return().then(
        () => callback(error),
        (failure) => callback(error ?? failure),
      )
    },
  })
}

function decodedText(decoder: StringDecoder, chunk: string | Uint8Array, encoding = 'utf8'): string {
  if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
    const came = chunk === null ? 'null' : typeof chunk
    throw new TypeError(`Expected the reply's pieces to be text or UTF-8 bytes, got ${came}`)
  }
  if (typeof chunk !== 'string')
    return decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  return /^utf-?8$/i.test(encoding) ? chunk : decoder.write(Buffer.from(chunk, encoding as BufferEncoding))
}

/** The text of a reply. Stopping it destroys a stream at once, also while it is silent. */
function textOf(reply: NodeReply): AsyncIterable<string> {
  const decoder = new StringDecoder('utf8')
  const iterator = Symbol.asyncIterator in reply ? reply[Symbol.asyncIterator]() : reply[Symbol.iterator]()
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const { done, value } = await iterator.next()
        if (!done) return { done: false, value: decodedText(decoder, value) }
        const rest = decoder.end()
        return rest === '' ? { done: true, value: undefined } : { done: false, value: rest }
      },
      async return() {
        if ('destroy' in reply) reply.destroy()
        await iterator.return?.()
        return { done: true, value: undefined }
      },
    }),
  }
}
