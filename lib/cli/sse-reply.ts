import { Announcer } from '../adapters/announcer.js'
import { Channel } from '../adapters/channel.js'
import { ChatShape } from '../adapters/openai/chat-chunks.js'
import { ResponseShape } from '../adapters/openai/response-events.js'
import type { Event } from '../adapters/openai/response-texts.js'
import type { Piece } from '../adapters/source-pieces.js'
import type { ModerationEvent } from '../index.js'

/** An event of one of the texts of a streamed reply; without `of`, of none. */
export type PartEvent = ModerationEvent & { of?: string }

type Chunk = Record<string, unknown>

/**
 * Judges each text of a streamed reply (an answer, its reasoning, a refusal; of each choice) on its own, as the adapters do, and
 * shows the events as they come.
 *
 * @param moderate judges one text
 * @param show is told of every event, and says whether no more is to be read
 * @returns how many texts there were
 * @throws what `moderate` and `show` throw; TypeError and UnknownChunkError for chunks that are none
 */
export async function judgeChunks(
  chunks: AsyncIterable<Chunk>,
  moderate: (reply: AsyncIterable<string>, reasoning: boolean) => AsyncIterable<ModerationEvent>,
  show: (event: PartEvent) => Promise<boolean>,
): Promise<number> {
  let split: ((chunk: Chunk) => Iterable<Piece<unknown>>) | null = null
  const open = new Map<string, { channel: Channel<string>; over: Promise<void> }>()
  const told: PartEvent[] = []
  const announcer = new Announcer((event) => told.push(event))
  let texts = 0
  let stopped = false
  let failure: { error: unknown } | null = null

  const judge = async (of: string, reply: Channel<string>, reasoning: boolean) => {
    try {
      for await (const event of moderate(reply, reasoning))
        stopped = (await show({ ...event, of })) || stopped
    } catch (error) {
      failure ??= { error }
    }
  }
  const throwFailure = () => {
    if (failure) throw failure.error
  }
  const take = async (piece: Piece<unknown>) => {
    if (piece.type === 'text') {
      let text = open.get(piece.key)
      if (!text) {
        texts += 1
        const channel = new Channel<string>()
        text = { channel, over: judge(piece.key, channel, piece.reasoning ?? false) }
        open.set(piece.key, text)
      }
      text.channel.push(piece.text)
      await Promise.race([text.channel.drained(), text.over])
    } else if (piece.type === 'end') {
      const text = open.get(piece.key)
      open.delete(piece.key)
      text?.channel.end()
      await text?.over
    } else if (piece.type === 'omitted') announcer.omitted(piece.field)
    else if (piece.type === 'part' && piece.unjudged) announcer.passed(piece.unjudged)
    for (const event of told.splice(0)) await show(event)
  }

  try {
    for await (const chunk of chunks) {
      split ??= shapeOf(chunk)
      for (const piece of split(chunk)) {
        await take(piece)
        throwFailure()
        if (stopped) return texts
      }
    }
  } finally {
    for (const { channel } of open.values()) channel.end()
    await Promise.all([...open.values()].map(({ over }) => over))
  }
  throwFailure()
  return texts
}

/** By the first chunk: events of the Responses API, or chunks of a chat completion, which say themselves what they lack. */
function shapeOf(first: Chunk): (chunk: Chunk) => Iterable<Piece<unknown>> {
  if (first.choices === undefined && typeof first.type === 'string') {
    const shape = new ResponseShape({})
    return (chunk) => shape.split(chunk as Event)
  }
  const shape = new ChatShape({}, 1)
  return (chunk) => shape.split(chunk)
}
