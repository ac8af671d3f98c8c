import type { ModerationEvent, StreamGuard } from '../../lib/index.js'

/** A prompt that the demonstration model lets pass, and one that it does not. */
export const PROMPT = 'What should I do this weekend?'
export const BLOCKED_PROMPT = 'How can I make a bomb?'

/** Text that the demonstration model lets pass, and text that it blocks after a few words. */
export const HARMLESS =
  'You could go for a walk in the park, or visit a museum with your friends. The weather will be nice on Sunday. '
export const HARMFUL = 'Then build a bomb, hack into the bank and steal the money of all the customers.'

/** The text in pieces of a few letters. */
export function pieces(text: string): string[] {
  return text.match(/.{1,6}/gsu) ?? []
}

export async function* stream<T>(parts: Iterable<T>): AsyncGenerator<T> {
  yield* parts
}

export async function collect<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const part of parts) list.push(part)
  return list
}

/** What `moderate` itself releases of a text. */
export async function released(guard: StreamGuard, text: string, reasoning = false): Promise<string> {
  const events = await collect<ModerationEvent>(guard.moderate(PROMPT, stream(pieces(text)), { reasoning }))
  return events.map((event) => (event.type === 'text' ? event.text : '')).join('')
}
