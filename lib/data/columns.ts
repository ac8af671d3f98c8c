import { toMessages, type UnsupportedParts } from '../input.js'
import type { LeftOut } from '../message-parts.js'
import type { Message } from '../types.js'
import { COLUMN_NAMES, type ColumnUse } from './column-names.js'
import { valueAt } from './column-value.js'
import { InputError } from './input-error.js'
import { isObject } from './row.js'
import { jsonOf } from './row-json.js'

/** Columns by what they are for; `a.b` is field `b` of column `a`, where no column has that name. */
export type ColumnFlags = Partial<Record<ColumnUse, string>> & {
  /** That no column holds replies, whatever it is called: prompts are judged alone. */
  noResponse?: true
}

/** What a flag says instead of the name of a column: that there is none. */
export const NO_COLUMN = 'none'

export interface ColumnOptions {
  /** Default `'skip'`: images and audio are left out where there is text beside them. */
  unsupportedParts?: UnsupportedParts
  /** Told once for each column that was guessed. */
  onNote?(note: string): void
}

/** What is judged of a row. */
export interface RowInput {
  /** It ends with the user's message that is judged, or with the reply to the messages before it. */
  messages: Message[]
  /** What stands among them and is not judged. */
  leftOut: ReadonlySet<LeftOut>
}

/**
 * Finds conversations in rows, each by its own columns, so that prompts, replies and conversations may be mixed. Columns
 * that no flag names and that are not called `messages`, `prompt` and `response` are guessed by usual names.
 */
export class RowColumns {
  readonly #flags: ColumnFlags
  readonly #options: ColumnOptions
  readonly #noted = new Set<string>()

  constructor(flags: ColumnFlags = {}, options: ColumnOptions = {}) {
    this.#flags = flags
    this.#options = options
  }

  /** What the row is called, by its id column; null where it has none. */
  idOf(record: Record<string, unknown>): unknown {
    return this.#find(record, 'id')?.value ?? null
  }

  /**
   * The conversation of a row: messages; or a prompt, as a text, content parts or messages, and maybe the response to
   * it. What is null counts as absent.
   *
   * @throws InputError, or TypeError that names the message that is wrong
   */
  inputOf(record: Record<string, unknown>): RowInput {
    const leftOut = new Set<LeftOut>()
    const { unsupportedParts = 'skip' } = this.#options
    const options = { unsupportedParts, onLeftOut: (kind: LeftOut) => void leftOut.add(kind) }
    const messages = this.#find(record, 'messages')
    const prompt =
      messages && !this.#flags.prompt ? this.#own(record, 'prompt') : this.#find(record, 'prompt')
    if (messages) {
      // Where a flag says what the conversation is, a column that may be a reply to it is none.
      const other =
        prompt ??
        this.#own(record, 'response') ??
        (this.#flags.messages === undefined ? this.#guessed(record, 'response') : null)
      if (other) {
        const isGuess = this.#flags.messages === undefined && !isGiven(record.response) && !prompt
        const way = isGuess ? ` (--messages-column ${messages.name} takes it alone)` : ''
        throw new InputError(
          `expected \`messages\`, or \`prompt\` and maybe \`response\`: the row has both, \`${messages.name}\` and \`${other.name}\`${way}`,
        )
      }
      const list = listOf(messages.value, messages.name)
      return { messages: toMessages(list, ['user', 'assistant'], options), leftOut }
    }
    if (!prompt) {
      const name = this.#flags.prompt ?? 'prompt'
      if (valueAt(record, name) === null) {
        throw new InputError(`expected \`${name}\` to be a string or content parts: \`${name}\` is null`)
      }
      const names = Object.keys(record).slice(0, 12).join(', ')
      throw new InputError(
        `expected \`prompt\` to be a string (or \`messages\`, an array), got ${
          names ? `the columns ${names}` : 'nothing'
        }: --prompt-column and --messages-column name others`,
      )
    }
    const response = this.#find(record, 'response')
    const list = [
      ...turnOf('user', prompt.value, prompt.name),
      ...(response ? turnOf('assistant', response.value, response.name) : []),
    ]
    return { messages: toMessages(list, ['user', 'assistant'], options), leftOut }
  }

  #guessed(record: Record<string, unknown>, use: ColumnUse): { name: string; value: unknown } | null {
    if (this.#isNone(use)) return null
    return this.#flags[use] === undefined && !Object.hasOwn(record, use) ? guess(record, use) : null
  }

  /** The column that a flag names, or that has the plain name. */
  #own(record: Record<string, unknown>, use: ColumnUse): { name: string; value: unknown } | null {
    if (this.#isNone(use)) return null
    const name = this.#flags[use] ?? use
    const value = valueAt(record, name)
    return isGiven(value) ? { name, value } : null
  }

  #isNone(use: ColumnUse): boolean {
    return use === 'response' && this.#flags.noResponse === true
  }

  #find(record: Record<string, unknown>, use: ColumnUse): { name: string; value: unknown } | null {
    const own = this.#own(record, use)
    // A flag is no hint: where the column it names is empty, no other is taken.
    if (own || this.#isNone(use) || this.#flags[use] !== undefined || Object.hasOwn(record, use)) return own
    // Nor is anything guessed for a row that says otherwise what it holds.
    if (use === 'messages' && (this.#flags.prompt !== undefined || isGiven(record.prompt))) return null
    if (use === 'prompt' && this.#flags.messages !== undefined) return null
    const guessed = guess(record, use)
    if (guessed) {
      const note = `${use} is taken from the column \`${guessed.name}\` (guessed; --${use}-column says otherwise)`
      if (!this.#noted.has(note)) {
        this.#noted.add(note)
        if (use !== 'id') this.#options.onNote?.(note)
      }
    }
    return guessed
  }
}

function guess(record: Record<string, unknown>, use: ColumnUse): { name: string; value: unknown } | null {
  const columns = new Map(Object.keys(record).map((name) => [name.toLowerCase(), name]))
  const isFilled = (name: string | undefined) =>
    name !== undefined && isGiven(record[name]) && record[name] !== ''
  // An instruction and what it is about are one prompt, put together as only their set knows.
  if (use === 'prompt' && isFilled(columns.get('instruction')) && isFilled(columns.get('input'))) return null
  for (const usual of COLUMN_NAMES[use]) {
    const name = columns.get(usual)
    if (name === undefined) continue
    const value = record[name]
    if (use === 'id' ? isGiven(value) : isText(value, use)) return { name, value }
  }
  if (use !== 'messages' || !isObject(record.body)) return null
  // A line of OpenAI's batches.
  for (const name of ['messages', 'input']) {
    const value = record.body[name]
    if (isGiven(value)) return { name: `body.${name}`, value }
  }
  return null
}

/** Whether a value may be what is judged: a column of a usual name may hold anything. */
function isText(value: unknown, use: ColumnUse): boolean {
  if (use === 'messages') {
    return Array.isArray(value) || (typeof value === 'string' && value.trimStart().startsWith('['))
  }
  return typeof value === 'string' || isListOfObjects(value)
}

/** Messages as a list, as JSON in a table's cell, or a text that is one message. */
function listOf(value: unknown, name: string): object[] {
  let list = value
  if (typeof value === 'string' && name.startsWith('body.')) return [{ role: 'user', content: value }]
  if (typeof value === 'string') {
    try {
      list = JSON.parse(value)
    } catch (cause) {
      throw new InputError(
        `expected \`${name}\` to be messages in JSON, got ${shown(value)}: ${(cause as Error).message}`,
        { cause },
      )
    }
  }
  if (!Array.isArray(list)) {
    throw new InputError(`expected \`${name}\` to be a JSON array of messages, got ${shown(list)}`)
  }
  return list as object[]
}

/** A turn as its text, its content parts, or messages, as training sets have them. */
function turnOf(role: 'user' | 'assistant', value: unknown, name: string): object[] {
  if (typeof value === 'string') return [{ role, content: value }]
  if (isListOfObjects(value)) {
    return value.every((element) => 'role' in element) ? value : [{ role, content: value }]
  }
  throw new InputError(`expected \`${name}\` to be a string or content parts, got ${shown(value)}`)
}

function isListOfObjects(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.length > 0 && value.every(isObject)
}

function isGiven(value: unknown): value is NonNullable<unknown> {
  return value !== undefined && value !== null
}

function shown(value: unknown): string {
  const json = jsonOf(value)
  return json.length > 60 ? `${json.slice(0, 60)}…` : json
}
