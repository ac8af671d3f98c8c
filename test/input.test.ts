import { describe, expect, it } from 'vitest'
import { TooLongError } from '../lib/errors.js'
import { toMessages } from '../lib/input.js'
import type { Input, Message } from '../lib/types.js'

const LAST: Message['role'][] = ['user', 'assistant']
const user = (content: unknown) => ({ role: 'user', content })

describe('toMessages', () => {
  it('copies what it is given', () => {
    const given = [{ role: 'user' as const, content: 'a' }]
    const messages = toMessages(given, LAST)
    given[0]!.content = 'b'
    given.push({ role: 'user', content: 'c' })
    expect(messages).toEqual([{ role: 'user', content: 'a' }])
  })

  const shapes: [name: string, input: unknown, messages: Message[]][] = [
    [
      'content in parts',
      [
        user([
          { type: 'text', text: 'a' },
          { type: 'image_url', image_url: { url: 'data:' } },
          { type: 'input_text', text: 'b' },
        ]),
      ],
      [{ role: 'user', content: 'a\nb' }],
    ],
    [
      "a developer's message, and a tool's result among others",
      [
        { role: 'developer', content: 'Be kind.' },
        user('a'),
        { role: 'assistant', content: null, tool_calls: [{ id: '1' }] },
        { role: 'tool', content: '42', tool_call_id: '1' },
        user('b'),
      ],
      [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b' },
      ],
    ],
    [
      'a refusal in place of content',
      [user('a'), { role: 'assistant', content: null, refusal: 'No.' }],
      [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'No.' },
      ],
    ],
    [
      'reasoning in parts',
      [
        user('a'),
        {
          role: 'assistant',
          content: [
            { type: 'reasoning', text: 'hm' },
            { type: 'text', text: 'b' },
            { type: 'tool-call', toolName: 'x' },
          ],
        },
      ],
      [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b', reasoning: 'hm' },
      ],
    ],
    [
      'items of the Responses API',
      [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'a' }] },
        { type: 'function_call', name: 'x', arguments: '{}', call_id: '1' },
        { type: 'function_call_output', call_id: '1', output: '42' },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'b' }] },
      ],
      [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    ],
  ]
  it.each(shapes)('takes %s', (_name, input, messages) => {
    expect(toMessages(input as Input, LAST)).toEqual(messages)
  })

  const holes: unknown[] = []
  holes[1] = user('hi')
  const thrower = Object.defineProperty({ role: 'user' }, 'content', {
    enumerable: true,
    get() {
      throw new Error('mine')
    },
  })
  const wrong: [name: string, input: unknown, says: string][] = [
    ['a place that is empty', holes, 'message 0'],
    ['a getter that throws', [user('a'), thrower], 'Message 1 cannot be read: mine'],
    [
      'an image alone, which is no text',
      [user([{ type: 'image_url', image_url: {} }])],
      "'image_url' and no text",
    ],
    ['a prompt without content', [user(null)], 'message 0'],
    ['a text part without text', [user([{ type: 'text' }])], 'part 0 of message 0'],
    ['a part that is nothing', [user([null])], 'part 0 of message 0'],
    ["a tool's result as what is judged", [user('a'), { role: 'tool', content: 'x' }], 'role of message 1'],
    [
      'tool calls as what is judged',
      [user('a'), { role: 'assistant', content: null, tool_calls: [{}] }],
      'tool calls',
    ],
    ['a role of its own', [{ role: 'narrator', content: 'x' }], "'narrator'"],
    ['a role from an object', [{ role: 'constructor', content: 'x' }], "'constructor'"],
    ['nothing', [], 'empty array'],
  ]
  it.each(wrong)('refuses %s', (_name, input, says) => {
    expect(() => toMessages(input as Input, LAST)).toThrow(TypeError)
    expect(() => toMessages(input as Input, LAST)).toThrow(says)
  })

  it('judges all that has a text, whatever its kind, and tells what it leaves out', () => {
    const leftOut: string[] = []
    const given = [
      user([
        { type: 'markdown', text: 'a' },
        { type: 'input_audio', input_audio: {} },
      ]),
      { role: 'tool', content: '42' },
      user('b'),
    ]
    const options = { onLeftOut: (kind: string, message: number) => leftOut.push(`${message} ${kind}`) }
    expect(toMessages(given, LAST, options).map(({ content }) => content)).toEqual(['a', 'b'])
    expect(leftOut).toEqual(['0 media', '1 tool-result'])
    expect(() => toMessages(given, LAST, { unsupportedParts: 'error' })).toThrow(
      "Message 0 has a part of type 'input_audio', which no guard reads",
    )
  })

  it('refuses more messages than can have room without looking at one', () => {
    const input = new Proxy([] as Message[], {
      get: (target, key) => {
        if (key === 'length') return 1e9
        if (typeof key === 'string' && /^\d+$/.test(key)) throw new Error('looked')
        return Reflect.get(target, key)
      },
    })
    expect(() => toMessages(input, LAST, { most: 4096 })).toThrow(TooLongError)
  })
})
