/** Any event of the Responses API. */
export type Event = Record<string, unknown> & { type: string }

/** Kinds of text in a response: the events of each, the part that holds it, and where in an item that stands. */
export const TEXTS = [
  { name: 'response.output_text', part: 'output_text', field: 'text', list: 'content' },
  { name: 'response.refusal', part: 'refusal', field: 'refusal', list: 'content' },
  { name: 'response.reasoning_text', part: 'reasoning_text', field: 'text', list: 'content' },
  { name: 'response.reasoning_summary_text', part: 'summary_text', field: 'text', list: 'summary' },
  // Earlier names of the two, which some servers still write.
  { name: 'response.reasoning', part: 'reasoning_text', field: 'text', list: 'content' },
  { name: 'response.reasoning_summary', part: 'summary_text', field: 'text', list: 'summary' },
] as const
export type TextKind = (typeof TEXTS)[number]

/** Events that begin and end a part of an item, by the list in which it stands. */
export const PARTS = {
  content: { name: 'response.content_part', index: 'content_index' },
  summary: { name: 'response.reasoning_summary_part', index: 'summary_index' },
} as const

/**
 * The text that an event is about, by its item and kind. Not by its index: some servers count that up with every delta.
 * Between the deltas of a kind, only the end of its text or the beginning or end of its part begins another.
 */
export function textOf(event: Event, kind: TextKind): string {
  return `${event.output_index} ${kind.name}`
}

/** The kind of text that an event begins or ends, if it does. Some servers have parts of other names. */
export function boundaryOf({ type, part }: Event): TextKind | undefined {
  if (/_part\.(added|done)$/u.test(type)) {
    return TEXTS.find((kind) => kind.part === (part as Record<string, unknown> | undefined)?.type)
  }
  return TEXTS.find(({ name }) => type === `${name}.done`)
}

/** Names the part that an event is about. */
export function placeOf(event: Event, list: TextKind['list']): string {
  return `${event.output_index} ${list} ${event[PARTS[list].index]}`
}
