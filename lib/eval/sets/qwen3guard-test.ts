import type { Message } from '../../types.js'
import {
  type DataSet,
  type EvalItem,
  isLabelledUnsafe,
  type Reading,
  type Row,
  type UnsafeSpan,
} from '../item.js'
import { filled, has, isSkipped, labelOf, number, SAFE_UNSAFE, structure, text } from './fields.js'

/** Ids of Qwen3's vocabulary that open an assistant's turn. */
const TURN = [151644, 77091, 198]
const THINK = 151667
const THINK_END = 151668
const BLANK_LINE = 271

/** Qwen/Qwen3GuardTest: replies, with reasoning in `thinking*`, and token positions of what is unsafe in `*_loc`. */
export const qwen3GuardTest: DataSet = {
  name: 'qwen3guard-test',
  title: 'Qwen3GuardTest',
  licence: 'CC-BY-NC-4.0',
  labels: () => 'label "Unsafe" is unsafe, "Safe" is safe',
  recognises: (columns) => has(columns, 'unique_id', 'message', 'label', 'unsafe_type'),
  read: (row, options): Reading[] => {
    const label = labelOf(row, 'label', { ...SAFE_UNSAFE, controversial: 'Controversial' })
    if (isSkipped(label)) return [label]
    const messages = readMessages(row.message)
    if (messages === null) return [{ skip: 'message is not a list of role and content' }]
    const last = messages.at(-1) as Message
    const type = filled(row, 'unsafe_type')
    const item: EvalItem = {
      target: last.role === 'assistant' ? 'response' : 'prompt',
      messages,
      label,
      refusal: null,
      categories: isLabelledUnsafe(label, options.caution) && type !== null && type !== 'None' ? [type] : [],
      language: null,
      source: filled(row, 'source'),
      id: text(row, 'unique_id'),
      span: null,
    }
    return [{ ...item, span: spanOf(row, last.reasoning !== undefined) }]
  },
}

function readMessages(value: unknown): Message[] | null {
  const list = structure(value)
  if (!Array.isArray(list) || list.length === 0) return null
  const messages: Message[] = []
  for (const one of list as Row[]) {
    const role = text(one ?? {}, 'role')
    const content = text(one ?? {}, 'content')
    if (content === null || (role !== 'user' && role !== 'assistant' && role !== 'system')) return null
    messages.push(role === 'assistant' ? withReasoning(content) : { role, content })
  }
  return messages
}

/** An assistant's message whose reasoning stands before its answer, as models write it. */
export function withReasoning(content: string): Message {
  const opened = /^\s*<think>\n?/.exec(content)
  const close = content.indexOf('</think>')
  if (opened === null || /^\s*<think>\s*<\/think>\s*/.test(content)) {
    return { role: 'assistant', content: content.replace(/^\s*<think>\s*<\/think>\s*/, '') }
  }
  const end = close < 0 ? content.length : close
  return {
    role: 'assistant',
    reasoning: content.slice(opened[0].length, end).replace(/\n+$/, ''),
    content: close < 0 ? '' : content.slice(close + '</think>'.length).replace(/^\n+/, ''),
  }
}

function spanOf(row: Row, reasoning: boolean): UnsafeSpan | null {
  const start = number(row.unsafe_start_index)
  const end = number(row.unsafe_end_index)
  const list = structure(row.input_ids)
  if (start === null || end === null || start < 0 || list === null) return null
  const ids = Array.from(list as ArrayLike<number | bigint>, Number)
  const split = replyStart(ids, reasoning)
  return split === null ? null : { unit: 'token', start, end, ids, split, reasoning }
}

/** Position of the first token of the last assistant's turn, behind the template's own; null without such a turn. */
export function replyStart(ids: readonly number[], reasoning: boolean): number | null {
  for (let at = ids.length - TURN.length; at >= 0; at--) {
    if (!TURN.every((id, i) => ids[at + i] === id)) continue
    const open = at + TURN.length
    if (ids[open] !== THINK) return open
    if (reasoning) return open + 2
    const closed = [BLANK_LINE, THINK_END, BLANK_LINE].every((id, i) => ids[open + 1 + i] === id)
    return closed ? open + 4 : open + 2
  }
  return null
}
