import { describe, expect, it } from 'vitest'
import { type ColumnFlags, RowColumns } from '../../lib/data/columns.js'

const user = (content: unknown) => ({ role: 'user', content })
const assistant = (content: unknown) => ({ role: 'assistant', content })

function read(record: Record<string, unknown>, flags: ColumnFlags = {}) {
  const notes: string[] = []
  const columns = new RowColumns(flags, { onNote: (note) => notes.push(note) })
  return { ...columns.inputOf(record), notes }
}

describe('RowColumns', () => {
  const hi = [user('hi')]
  const both = [user('hi'), assistant('ho')]
  const shapes: [name: string, record: Record<string, unknown>, messages: unknown[], guesses: string[]][] = [
    ['a prompt', { prompt: 'hi', response: null }, hi, []],
    ['a prompt and a response', { prompt: 'hi', response: 'ho' }, both, []],
    ['messages', { messages: both, prompt: null }, both, []],
    ['messages as JSON in a cell', { messages: JSON.stringify(both) }, both, []],
    ['a question and an answer', { id: 1, question: 'hi', answer: 'ho' }, both, ['question', 'answer']],
    ['names in capitals', { PROMPT: 'hi', Response: 'ho' }, both, ['PROMPT', 'Response']],
    ['a text', { text: 'hi', label: 1 }, hi, ['text']],
    ['content parts', { prompt: [{ type: 'text', text: 'hi' }], completion: 'ho' }, both, ['completion']],
    ['turns of a training set', { prompt: hi, completion: [assistant('ho')] }, both, ['completion']],
    ["a line of OpenAI's batches", { custom_id: 'r', body: { messages: both } }, both, ['body.messages']],
    [
      'one of its Responses API',
      {
        custom_id: 'r',
        body: { input: [{ type: 'message', ...user([{ type: 'input_text', text: 'hi' }]) }] },
      },
      hi,
      ['body.input'],
    ],
    ['one with a text', { custom_id: 'r', body: { model: 'm', input: 'hi' } }, hi, ['body.input']],
    ['input items', { input: [user([{ type: 'input_text', text: 'hi' }])] }, hi, ['input']],
  ]
  it.each(shapes)('takes %s', (_name, record, messages, guesses) => {
    const found = read(record)
    expect(found.messages).toEqual(messages)
    expect(found.notes.map((note) => /`(.*?)`/.exec(note)?.[1])).toEqual(guesses)
  })

  it('takes messages alone beside what may be a reply where a flag says so', () => {
    const record = { messages: [user('hi')], completion: 'ho' }
    expect(read(record, { messages: 'messages' }).messages).toEqual(hi)
    expect(read({ ...record, response: null }).messages).toEqual(hi)
  })

  it('takes the columns that flags name, and no others', () => {
    const record = { prompt: 'no', q: 'hi', 'a.b': 'ho', a: { b: 'no', c: 'ho' }, messages: [user('no')] }
    expect(read(record, { prompt: 'q', response: 'a.b', messages: 'none' }).messages).toEqual(both)
    expect(read({ q: 'hi', a: { c: 'ho' } }, { prompt: 'q', response: 'a.c' }).messages).toEqual(both)
    expect(() => read({ prompt: 'hi' }, { prompt: 'q' })).toThrow(/--prompt-column/)
    expect(new RowColumns({ id: 'key' }).idOf({ id: 1, key: 7 })).toBe(7)
    expect(new RowColumns().idOf({ uuid: 'x' })).toBe('x')
  })

  it.each([
    [{ prompt: 'hi', messages: [user('ho')] }, /has both/],
    [{ messages: [user('hi')], response: 'ho' }, /has both/],
    [
      { messages: [user('hi')], completion: 'ho' },
      /has both, `messages` and `completion`.*--messages-column/,
    ],
    [{ conversation: [user('hi')], output: 'ho' }, /has both, `conversation` and `output`/],
    [{ prompt: null, label: 1 }, /`prompt` is null/],
    [{ prompt: ['a', 'b'] }, /`prompt` to be a string or content parts, got \["a","b"\]/],
    [{ prompt: 12345678901234567890n }, /got 12345678901234567890/],
    [{ prompt: 'hi', response: 5 }, /`response` to be a string/],
    [{ label: 1 }, /got the columns label: --prompt-column/],
    [{ messages: '{"role"' }, /JSON/],
    [{ instruction: 'Translate.', input: 'hi' }, /--prompt-column/],
  ])('does not guess what is judged where that is unclear (%#)', (record, says) => {
    expect(() => read(record)).toThrow(says)
  })

  it('tells what is left out, and refuses media where that is asked for', () => {
    const record = { prompt: [{ type: 'text', text: 'hi' }, { type: 'image_url' }] }
    expect([...read(record).leftOut]).toEqual(['media'])
    const strict = new RowColumns({}, { unsupportedParts: 'error' })
    expect(() => strict.inputOf(record)).toThrow("'image_url'")
  })
})
