/** Any event of the Responses API. */
export type Event = Record<string, unknown> & { type: string }

/** Kinds of text in a response: the events of each, the part that holds it, and where in an item that stands. */
export const TEXTS = [
  { name: 'response.output_text', part: 'output_text', field: 'text', list: 'content' },
  { name: 'response.refusal', part: 'refusal', field: 'refusal', list: 'content' },
  { name: 'response.reasoning_text', part: 'reasoning_text', field: 'text', list: 'content' },
  { name: 'response.reasoning_summary_text', part: 'summary_text', field: 'text', list: 'summary' },
] as const
export type TextKind = (typeof TEXTS)[number]

/** Events that begin and end a part of an item, by the list in which it stands. */
export const PARTS = {
  content: { name: 'response.content_part', index: 'content_index' },
  summary: { name: 'response.reasoning_summary_part', index: 'summary_index' },
} as const

/** Names the text that an event is about. */
export function placeOf(event: Event, list: TextKind['list']): string {
  return `${event.output_index} ${list} ${event[PARTS[list].index]}`
}
