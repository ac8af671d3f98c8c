import type { Message } from './types.js'

const OPENING = '<think>'
const CLOSING = '</think>'

/**
 * An assistant's message that holds its reasoning in its content (`<think>…</think>answer`), with the reasoning apart, as
 * Qwen3's template takes it apart; any other message as it is. A history that is mapped so is fed as Qwen does: without the
 * reasoning of earlier turns. The guards do not do this by themselves, since whoever writes `</think>` into a message
 * would hide from them what stands before it.
 *
 * Qwen's template drops what stands between two `</think>`; here it is reasoning.
 *
 * @throws TypeError for a message without a text
 * @example guard.classify(messages.map(splitReasoning))
 */
export function splitReasoning(message: Message): Message {
  const { role, content, reasoning } = message
  if (typeof content !== 'string')
    throw new TypeError(`Expected a message with a text, got ${typeof content}`)
  const at = content.lastIndexOf(CLOSING)
  if (role !== 'assistant' || reasoning !== undefined || at < 0) return message
  return {
    ...message,
    content: trimLineEnds(content.slice(at + CLOSING.length), false),
    reasoning: trimLineEnds(withoutOpening(content.slice(0, at))),
  }
}

/** Reasoning without the tag that a model may have opened it with. */
export function withoutOpening(reasoning: string): string {
  return reasoning.startsWith(OPENING) ? reasoning.slice(OPENING.length) : reasoning
}

/** Text without the line ends before it and, unless told otherwise, after it. */
export function trimLineEnds(text: string, after = true): string {
  let start = 0
  let end = text.length
  while (start < end && text.charAt(start) === '\n') start++
  while (after && end > start && text.charAt(end - 1) === '\n') end--
  return text.slice(start, end)
}

/** Whether a message has reasoning that says something: Qwen3's template writes an empty one as it does none. */
export function hasReasoning({ reasoning }: Message): boolean {
  return reasoning !== undefined && trimLineEnds(reasoning) !== ''
}

/**
 * A finished message of an assistant as Qwen3's template writes it: behind the tag that opens the reasoning, if it has some,
 * else behind an empty reasoning.
 */
export function replyText(message: Message): string {
  const answer = trimLineEnds(message.content, false)
  return hasReasoning(message) ? `${trimLineEnds(message.reasoning ?? '')}\n${CLOSING}\n\n${answer}` : answer
}
