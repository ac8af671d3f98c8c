import type { Json } from './upstream.js'

/** A completion that is not streamed as one chunk of a stream. @returns the same value if it is none */
export function chunkOf(completion: Json): Json {
  const { choices, ...envelope } = completion
  if (!Array.isArray(choices)) return completion
  return {
    ...envelope,
    object: 'chat.completion.chunk',
    choices: choices.map((choice: Json | null, at) => {
      const { message, index = at, ...fields } = choice ?? {}
      return { index, ...fields, delta: message }
    }),
  }
}

interface Choice {
  index: number
  message: Json
  finish_reason: unknown
  logprobs: Json | null
  [field: string]: unknown
}

/** Puts a completion together from the chunks that went out of one. */
export class Completion {
  readonly #choices = new Map<number, Choice>()
  #envelope: Json = {}

  add({ choices, ...envelope }: Json): void {
    // Usage comes in a chunk of its own.
    this.#envelope = { ...this.#envelope, ...defined(envelope) }
    for (const { index, delta, finish_reason, logprobs, ...fields } of choices as (Json & {
      index: number
    })[]) {
      const choice = this.#choices.get(index) ?? {
        index,
        message: { role: 'assistant', content: null, refusal: null },
        finish_reason: null,
        logprobs: null,
      }
      this.#choices.set(index, choice)
      Object.assign(choice, fields)
      if (finish_reason != null) choice.finish_reason = finish_reason
      if (logprobs != null) choice.logprobs = joined(choice.logprobs ?? {}, logprobs as Json)
      choice.message = joined(choice.message, (delta ?? {}) as Json)
    }
  }

  toJson(): Json {
    const choices = [...this.#choices.values()].sort((a, b) => a.index - b.index)
    return { ...this.#envelope, object: 'chat.completion', choices }
  }
}

/** What a delta adds to a message: texts and lists go on, calls by their index. */
function joined(message: Json, delta: Json): Json {
  const whole = { ...message }
  for (const [field, value] of Object.entries(delta)) {
    const before = whole[field]
    if (value === null || value === undefined) continue
    if (field === 'role') whole[field] = value
    else if (field === 'tool_calls') whole[field] = withCalls((before ?? []) as Json[], value as Json[])
    else if (field === 'function_call') whole[field] = called((before ?? {}) as Json, value as Json)
    else if (typeof value === 'string') whole[field] = `${before ?? ''}${value}`
    else if (Array.isArray(value)) whole[field] = [...((before ?? []) as unknown[]), ...value]
    else whole[field] = value
  }
  return whole
}

function withCalls(calls: readonly Json[], deltas: readonly Json[]): Json[] {
  const all = calls.map((call) => ({ ...call }))
  for (const { index = all.length, ...delta } of deltas) {
    const at = index as number
    const { function: named, custom, ...fields } = delta
    const call: Json = { ...all[at], ...fields }
    if (named != null) call.function = called((all[at]?.function ?? {}) as Json, named as Json)
    if (custom != null) call.custom = called((all[at]?.custom ?? {}) as Json, custom as Json)
    all[at] = call
  }
  return all.filter(Boolean)
}

function called(before: Json, delta: Json): Json {
  const whole = { ...before, ...delta }
  for (const field of ['arguments', 'input']) {
    if (typeof delta[field] === 'string') whole[field] = `${before[field] ?? ''}${delta[field]}`
  }
  return whole
}

function defined(fields: Json): Json {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  )
}
