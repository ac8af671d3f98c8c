import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readSse } from '../../lib/cli/sse.js'
import { cli, jsonLines, Running } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()

const chunk = (delta: object, finish_reason: string | null = null, index = 0) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index, delta, finish_reason }],
})
const event = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const SEA = [
  'The sea is calm today, ',
  'and the boats are out. ',
  'I will kill you all tonight',
  ', and burn your house.',
]
const STREAM = [
  ': a comment\n\n',
  event(chunk({ role: 'assistant', content: '' })),
  ...SEA.map((content) => event(chunk({ content }))),
  event(chunk({}, 'stop')),
  'data: [DONE]\n\n',
].join('')

async function read(...texts: string[]): Promise<{ chunks: unknown[]; said: boolean }> {
  const end = { said: false }
  const chunks: unknown[] = []
  async function* source() {
    yield* texts
  }
  for await (const one of readSse(source(), end)) chunks.push(one)
  return { chunks, said: end.said }
}

describe('readSse', () => {
  const A = { choices: [{ index: 0, delta: { content: 'á' } }] }

  it.each([
    ['events with line feeds', `${event(A)}${event(A)}data: [DONE]\n\n`],
    ['CRLF', `${event(A)}${event(A)}data: [DONE]\n\n`.replaceAll('\n', '\r\n')],
    ['CR', `${event(A)}${event(A)}data: [DONE]\n\n`.replaceAll('\n', '\r')],
    [
      'comments, ids, retries and names',
      `: ping\n\nid: 1\nretry: 10\nevent: x\n${event(A)}:\n${event(A)}data: [DONE]\n\n`,
    ],
    [
      'data on several lines',
      'data: {"choices": [\ndata: {"index":0,"delta":{"content":"á"}}\ndata: ]}\n\n'.repeat(2) +
        'data: [DONE]\n\n',
    ],
    ['no space behind the colon', `${`${event(A)}${event(A)}`.replaceAll('data: ', 'data:')}data:[DONE]\n\n`],
    ['no line end behind the last event', `${event(A)}${event(A)}data: [DONE]`],
    ['more behind [DONE]', `${event(A)}${event(A)}data: [DONE]\n\ndata: no JSON\n\n`],
  ])('takes %s, cut anywhere', async (_name, text) => {
    expect(await read(text)).toEqual({ chunks: [A, A], said: true })
    expect(await read(...text)).toEqual({ chunks: [A, A], said: true })
  })

  it('says that the end was not said, unless a choice has finished', async () => {
    expect((await read(event(A))).said).toBe(false)
    expect((await read(event(chunk({}, 'stop')))).said).toBe(true)
    expect((await read(event({ type: 'response.completed' }))).said).toBe(true)
  })

  it.each([
    [
      'an error body',
      '{"error": {"message": "Incorrect API key", "code": 401}}',
      "the server's error: Incorrect API key",
    ],
    [
      'one on several lines',
      '{\n  "error": {\n    "message": "No such model"\n  }\n}\n',
      "the server's error: No such model",
    ],
    ['an error body that is text', '{"error": "overloaded"}', "the server's error: overloaded"],
    ['a page', '<html><body>502 Bad Gateway</body></html>', 'got "<html><body>502 Bad Gateway'],
    ['plain text', 'upstream timed out\n', 'got "upstream timed out"'],
    ['plain text without a line end', 'upstream timed out', 'got "upstream timed out"'],
    ['a reply that is not streamed', '{"choices": [{"message": {"content": "x"}}]}', '"stream": true'],
    [
      'headers',
      `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${STREAM}`,
      'got "HTTP/1.1 200 OK',
    ],
    [
      'an error in the stream',
      `${event(A)}${event({ error: { message: 'out of memory' } })}`,
      'event 2 of the stream',
    ],
    ['a Responses error', `event: error\n${event({ type: 'error', message: 'no quota' })}`, 'no quota'],
    [
      'data that is no JSON',
      `${event(A)}data: hello\n\n${event(A)}`,
      'Expected the data of event 2 to be JSON',
    ],
    ['data that is no object', 'data: 7\n\ndata: 8\n\n', 'to be an object, got "7"'],
    ['an event that is cut off', `${event(A)}data: {"choices": [{"ind`, 'stdin ended within event 2'],
    ['text between events', `${event(A)}Killed\n\n${event(A)}`, 'got the line "Killed"'],
  ])('refuses %s', async (_name, text, message) => {
    for (const texts of [[text], [...text]]) {
      await expect(read(...texts)).rejects.toMatchObject({
        code: 'ERR_INPUT',
        message: expect.stringContaining(message),
      })
    }
  })

  it('takes nothing as nothing', async () => {
    expect(await read()).toEqual({ chunks: [], said: false })
  })
})

type Line = {
  type: string
  of?: string
  start?: number
  text?: string
  verdict?: { text?: string; index?: number }
}

const args = ['stream', '--sse', '--prompt', 'Tell me about the sea.']

async function lines(input: string, ...more: string[]): Promise<Line[]> {
  const { code, stdout, stderr } = await cli([...args, '--json', ...more], input)
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return jsonLines(stdout) as Line[]
}

const tokens = (all: Line[], of: string) =>
  all.map((line) => (line.type === 'token' && line.of === of ? line.verdict?.text : '')).join('')

describe('stream --sse', () => {
  it('shows all of the reply, and where the policy would have stopped it as --block stops it', async () => {
    const all = await lines(STREAM)
    expect(tokens(all, '0 content')).toBe(SEA.join(''))
    const stops = all.filter(({ type }) => type === 'would-block')
    expect(stops).toHaveLength(1)
    const blocks = (await lines(STREAM, '--block')).filter(({ type }) => type === 'block')
    expect(blocks).toMatchObject([{ start: stops[0]?.start, verdict: { index: stops[0]?.verdict?.index } }])
  })

  it('takes bytes that are cut anywhere, within characters too', async () => {
    const text = `${event(chunk({ content: 'Él sueña: 海は静かだ。 👩‍🚀' }))}${event(chunk({}, 'stop'))}data: [DONE]\n\n`
    const running = new Running([...args, '--json'])
    for (const byte of Buffer.from(text)) {
      running.child.stdin.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    // The stream is over when it says so, whether curl goes or not.
    const { code, stdout } = await running.finished
    expect(code).toBe(0)
    expect(tokens(jsonLines(stdout) as Line[], '0 content')).toBe('Él sueña: 海は静かだ。 👩‍🚀')
  })

  it('judges reasoning and every choice on its own, and names what it does not judge', async () => {
    const call = {
      tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'look', arguments: '{}' } }],
    }
    const all = await lines(
      [
        chunk({ reasoning_content: 'They want the sea.' }),
        chunk({ content: 'It is calm.' }),
        chunk({ content: 'It is wild.' }, null, 1),
        chunk(call),
        chunk({}, 'stop'),
        chunk({}, 'stop', 1),
      ]
        .map(event)
        .join(''),
    )
    expect(tokens(all, '0 reasoning_content')).toBe('They want the sea.')
    expect(tokens(all, '0 content')).toBe('It is calm.')
    expect(tokens(all, '1 content')).toBe('It is wild.')
    expect(all.filter(({ type }) => type === 'end')).toHaveLength(3)
    expect(all).toContainEqual({ type: 'unjudged', what: 'tool-call', from: 'reply', name: 'look' })
  })

  it('reads events of the Responses API', async () => {
    const place = { item_id: 'msg_1', output_index: 0, content_index: 0 }
    const all = await lines(
      [
        ...SEA.map((delta) => ({ type: 'response.output_text.delta', ...place, delta, logprobs: [] })),
        { type: 'response.output_text.done', ...place, text: SEA.join(''), logprobs: [] },
      ]
        .map(event)
        .join(''),
    )
    expect(tokens(all, '0 response.output_text')).toBe(SEA.join(''))
    expect(all.filter(({ type }) => type === 'would-block')).toHaveLength(1)
  })

  it('is for people, with the policy that is given', async () => {
    const shown = await cli(args, STREAM)
    expect(shown.code).toBe(0)
    expect(shown.stdout).toContain('[the policy would stop here]')
    expect(shown.stdout).toMatch(
      /\nPolicy {2}stopped by token \d+, character \d+: .+ {2}nothing from character \d+ on shown\n/,
    )
    expect(shown.stdout.replaceAll(/\[\[\w+\]\]|\[the policy.*?\]/g, '')).toContain(SEA.join(''))
    const policy = join(directory, 'policy.json')
    writeFileSync(policy, JSON.stringify({ consecutive: 100 }))
    expect((await cli([...args, '--policy', policy], STREAM)).stdout).not.toContain('policy would stop')
    const plain = await cli(['stream', '--prompt', 'x', '--policy', policy], SEA.join(''))
    expect(plain.stdout).not.toContain('policy would stop')
    writeFileSync(policy, JSON.stringify({ consecutive: 1 }))
    expect((await cli(['stream', '--prompt', 'x', '--policy', policy], SEA.join(''))).stdout).toContain(
      'policy would stop',
    )
  })

  it('exits with 1 for what is no stream, 2 without text, and notes an end that was not said', async () => {
    const error = await cli(args, '{"error":{"message":"Incorrect API key"}}')
    expect(error).toMatchObject({ code: 1, stderr: expect.stringContaining('Incorrect API key (ERR_INPUT)') })
    expect(await cli(args, 'data: [DONE]\n\n')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing to judge'),
    })
    const cut = await cli(args, event(chunk({ content: 'It is calm.' })))
    expect(cut).toMatchObject({ code: 0, stderr: expect.stringContaining('may be cut off') })
    const foreign = await cli(args, event({ hello: 'world' }))
    expect(foreign).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('a chunk of a chat completion'),
    })
    const stdin = await cli([...args, '--policy', '-'], STREAM)
    expect(stdin).toMatchObject({ code: 2, stderr: expect.stringContaining('give --policy a file') })
  })
})
