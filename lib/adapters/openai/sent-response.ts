import { type Event, PARTS, placeOf, TEXTS, type TextKind } from './response-texts.js'

type Fields = Record<string, unknown>
type Item = Fields & { content?: Fields[]; summary?: Fields[] }

/** A part that was begun: its text, and then it, are still to be ended. */
interface OpenPart {
  kind: TextKind
  event: Event
  part: Fields
  textIsOpen: boolean
}

/** What was sent of a response, so that it can be ended well-formed at any point. */
export class SentResponse {
  #response: Fields = { id: 'resp_qwen3guard', object: 'response' }
  #sequence = 0
  readonly #items = new Map<number, Item>()
  readonly #openItems = new Set<number>()
  readonly #openParts = new Map<string, OpenPart>()

  /** Takes an event that goes out; returns it with the number that it has among those. */
  add(event: Event): Event {
    this.#follow(event)
    return 'sequence_number' in event ? { ...event, sequence_number: this.#sequence++ } : event
  }

  /** The events that close what is open, show `text`, and end the response as filtered. */
  *ending(text: string): Generator<Event> {
    for (const { kind, event, part, textIsOpen } of this.#openParts.values()) {
      const { item_id, output_index } = event
      const { name, index } = PARTS[kind.list]
      const at = { item_id, output_index, [index]: event[index] }
      const logprobs = kind.part === 'output_text' && { logprobs: [] }
      if (textIsOpen)
        yield numbered(`${kind.name}.done`, { ...at, [kind.field]: part[kind.field], ...logprobs })
      yield numbered(`${name}.done`, { ...at, part: { ...part } })
    }
    for (const output_index of this.#openItems) {
      const item = { ...this.#items.get(output_index), status: 'incomplete' }
      yield numbered('response.output_item.done', { output_index, item })
    }
    if (text !== '') yield* messageOf(text, Math.max(-1, ...this.#items.keys()) + 1)
    const output = [...this.#items].sort(([a], [b]) => a - b).map(([, item]) => item)
    const response = {
      ...this.#response,
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
      output,
    }
    yield numbered('response.incomplete', { response })
  }

  #follow(event: Event): void {
    const { type, output_index, item, response, delta } = event
    const index = output_index as number
    if (response) this.#response = response as Fields
    if (type === 'response.output_item.added') {
      const { content, summary } = item as Item
      const lists = { ...(content && { content: [...content] }), ...(summary && { summary: [...summary] }) }
      this.#items.set(index, { ...(item as Item), ...lists })
      this.#openItems.add(index)
    }
    if (type === 'response.output_item.done') {
      this.#items.set(index, item as Item)
      this.#openItems.delete(index)
    }
    for (const list of ['content', 'summary'] as const) {
      if (type === `${PARTS[list].name}.added`) this.#open(event, list)
      if (type === `${PARTS[list].name}.done`) this.#openParts.delete(placeOf(event, list))
    }
    for (const { name, list, field } of TEXTS) {
      const open = this.#openParts.get(placeOf(event, list))
      if (!open) continue
      if (type === `${name}.delta`) open.part[field] = `${open.part[field] ?? ''}${delta}`
      if (type === `${name}.done`) open.textIsOpen = false
    }
  }

  #open(event: Event, list: TextKind['list']): void {
    const part = { ...(event.part as Fields) }
    const item = this.#items.get(event.output_index as number)
    if (item) {
      item[list] ??= []
      item[list][event[PARTS[list].index] as number] = part
    }
    const kind = TEXTS.find((one) => one.part === part.type)
    if (kind) this.#openParts.set(placeOf(event, list), { kind, event, part, textIsOpen: true })
  }
}

/** An event whose number is given when it goes out. */
function numbered(type: string, fields: Fields): Event {
  return { type, sequence_number: 0, ...fields }
}

/** The events of a message. */
function* messageOf(text: string, output_index: number): Generator<Event> {
  const id = 'msg_qwen3guard'
  const item = { id, type: 'message', role: 'assistant' }
  const part = { type: 'output_text', annotations: [], logprobs: [] }
  const at = { item_id: id, output_index, content_index: 0 }
  yield numbered('response.output_item.added', {
    output_index,
    item: { ...item, status: 'in_progress', content: [] },
  })
  yield numbered('response.content_part.added', { ...at, part: { ...part, text: '' } })
  yield numbered('response.output_text.delta', { ...at, delta: text, logprobs: [] })
  yield numbered('response.output_text.done', { ...at, text, logprobs: [] })
  const whole = { ...part, text }
  yield numbered('response.content_part.done', { ...at, part: whole })
  const done = { ...item, status: 'completed', content: [whole] }
  yield numbered('response.output_item.done', { output_index, item: done })
}
