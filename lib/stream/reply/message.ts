import type { Message } from '../../types.js'

/** An assistant's message with reasoning as the model writes it behind `<think>`, and as Qwen3's template does. */
export function replyText({ content, reasoning = '' }: Message): string {
  return `${trimLineEnds(reasoning)}\n</think>\n\n${trimLineEnds(content, false)}`
}

/** Text without the line ends before it and, unless told otherwise, after it. */
export function trimLineEnds(text: string, after = true): string {
  let start = 0
  let end = text.length
  while (start < end && text.charAt(start) === '\n') start++
  while (after && end > start && text.charAt(end - 1) === '\n') end--
  return text.slice(start, end)
}
