import { Channel } from './channel.js'
import type { ModeratedParts } from './moderated-parts.js'

/** A ReadableStream that asks for a part only when it is read. */
export function readableOf<P>(parts: ModeratedParts<P>): ReadableStream<P> {
  return new ReadableStream<P>(
    {
      async pull(controller) {
        const { done, value } = await parts.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await parts.return()
      },
    },
    { highWaterMark: 0 },
  )
}

/**
 * A TransformStream whose readable side gives the moderated parts of what is written. When nobody takes more, the
 * writable side fails, so that what is piped into it is cancelled.
 */
export function transformOf<P>(parts: ModeratedParts<P>): TransformStream<P, P> {
  let refuse = () => {}
  const source = new Channel<P>(() => {
    if (source.stopped) refuse()
  })
  const writable = new WritableStream<P>({
    start(controller) {
      refuse = () =>
        controller.error(new Error('The moderated stream takes no more: it was blocked or cancelled'))
    },
    async write(part) {
      source.push(part)
      await source.drained()
    },
    close: () => source.end(),
    abort: (error) => source.fail(error),
  })
  return { writable, readable: readableOf(parts.read(source)) }
}
