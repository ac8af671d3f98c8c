/** What a message holds beside text, and nobody judges. */
export type LeftOut = 'media' | 'tool-call' | 'tool-result'

/** A message as OpenAI's and the AI SDK's clients have it, and ours. */
export interface ForeignContent {
  content?: unknown
  reasoning?: unknown
  refusal?: unknown
  tool_calls?: unknown
  function_call?: unknown
  audio?: unknown
}

/** What a message says, and what it holds beside. */
export interface MessageText {
  /** Text parts joined by line breaks; null where there is none. */
  content: string | null
  reasoning: string | null
  /** `name` is for messages; `part` tells those among the parts from fields of the message. */
  leftOut: { kind: LeftOut; name: string; part: boolean }[]
}

/** Kinds of content parts whose text is what led to the answer. */
const REASONING_PARTS = new Set(['reasoning', 'reasoning_text', 'thinking'])

/** Parts of one message: a list of the caller's may say that it has no end. */
const MOST_PARTS = 1 << 20

/** Kinds that are nothing without a text. */
const TEXT_PARTS = new Set(['text', 'input_text', 'output_text', 'summary_text', 'refusal'])

/**
 * Reads the text of one message, whoever's client wrote it: its content as a string, in parts, or none. All that has a
 * text is text; of the rest it says what it is.
 *
 * @throws RangeError for more parts than any message has
 * @param wrong is called for a part that is none, with what it is; where it returns, the part counts as media
 */
export function textOf(message: ForeignContent, wrong: (part: number, got: string) => void): MessageText {
  const { content, reasoning, refusal } = message
  const leftOut: MessageText['leftOut'] = []
  if (isFilled(message.tool_calls) || isFilled(message.function_call)) {
    leftOut.push({ kind: 'tool-call', name: 'tool calls alone', part: false })
  }
  if (isFilled(message.audio)) leftOut.push({ kind: 'media', name: 'audio and no text', part: false })
  const texts: string[] = []
  const thoughts: string[] = typeof reasoning === 'string' ? [reasoning] : []
  if (typeof content === 'string') texts.push(content)
  else if (typeof refusal === 'string') texts.push(refusal)
  const parts: readonly unknown[] = Array.isArray(content) ? content : []
  const { length } = parts
  if (length > MOST_PARTS)
    throw new RangeError(`its content has ${length} parts, expected at most ${MOST_PARTS}`)
  for (let i = 0; i < length; i++) {
    const part = parts[i]
    if (typeof part === 'string') {
      texts.push(part)
      continue
    }
    if (typeof part !== 'object' || part === null) wrong(i, shown(part))
    const { type, text, refusal, thinking } = (part ?? {}) as Record<string, unknown>
    const kind = typeof type === 'string' ? type : ''
    const words = [text, refusal, thinking].find((one) => typeof one === 'string') as string | undefined
    const name = `a part of type '${kind.slice(0, 40)}' and no text`
    if (/^tool[-_](call|use|input|approval)/u.test(kind))
      leftOut.push({ kind: 'tool-call', name, part: true })
    else if (/^tool[-_]/u.test(kind)) leftOut.push({ kind: 'tool-result', name, part: true })
    else if (words !== undefined) (REASONING_PARTS.has(kind) ? thoughts : texts).push(words)
    // A mark of something that was thought and is not shown, or a reference to it.
    else if (!/reasoning|thinking|reference/u.test(kind)) {
      if (kind === '' || TEXT_PARTS.has(kind)) {
        wrong(i, `type ${shown(type)}, text ${shown(text)}`)
      }
      leftOut.push({ kind: 'media', name, part: true })
    }
  }
  return {
    content: texts.length > 0 ? texts.join('\n') : null,
    reasoning: thoughts.length > 0 ? thoughts.join('\n') : null,
    leftOut,
  }
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : typeof value === 'object' && value !== null
}

/** A value in few words, for messages. */
export function shown(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`
  return Array.isArray(value) ? 'an array' : typeof value
}
