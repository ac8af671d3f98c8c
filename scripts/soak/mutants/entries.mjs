// Everything public that takes a text, an input or a row of the caller's: as functions of it.
import { RowJudge } from '../../../dist/batch/row-judge.js'
import { RowColumns } from '../../../dist/data/columns.js'
import { parseGen, splitReasoning } from '../../../dist/index.js'
import { rowsOfSource } from '../../../dist/queue/batch-source.js'
import { createGuardClient } from '../../../dist/queue/index.js'
import { createApp } from '../../../dist/server/index.js'

const user = (content) => ({ role: 'user', content })
const source = async function* (text) {
  yield text
}
const drained = async (events) => {
  let last
  for await (const event of events) last = event
  return last
}

/** Ways for a text of any length to be judged; the signal ends those that go on for minutes. */
export function textEntries({ gen, stream }) {
  // More than by default; what is larger is refused. JSON.parse, which nothing breaks off, takes some 4 ms for each MB.
  const limits = { bodyBytes: 4 << 20 }
  const app = createApp({ gen, stream, limits })
  const windows = createApp({ gen, stream, tooLong: 'window', limits })
  const judge = new RowJudge({ kind: 'gen', model: 'demo', guard: gen }, new RowColumns({}, {}), {
    fit: {},
    manySources: false,
    nameRows: false,
  })
  const pushed = async (text, options) => {
    const moderation = await stream.open('x', options)
    try {
      await moderation.push(text)
      await moderation.end()
    } finally {
      await moderation.close()
    }
  }
  const row = (record) => ({ number: 1, source: 'x', format: 'jsonl', record, text: '{}', defect: null })
  return {
    'Gen prompt': (text) => gen.classify(text),
    'Gen reply': (text) => gen.classify([user('x'), { role: 'assistant', content: text }]),
    'Gen windows': (text, signal) => gen.classify(text, { tooLong: 'window', signal }),
    'Gen history': (text) => gen.classify([user(text), user('y')], { history: 'drop' }),
    'Stream prompt': (text) => stream.classifyPrompt(text),
    'Stream reply': (text, signal) => pushed(text, { signal }),
    'Stream slide': (text, signal) => pushed(text, { tooLong: 'slide', signal }),
    moderate: (text, signal) => drained(stream.moderate('x', source(text), { signal })),
    'batch row': (text, signal) => judge.judge(row({ prompt: text }), signal),
    server: (body) => posted(app, body),
    'server windows': (body, signal) => posted(windows, body, signal),
  }
}

/** What only a signal ends in time. */
export const ENDED_BY_SIGNAL = new Set(['Gen windows', 'Stream slide', 'server windows'])

/** What a way takes of a text: the server's are asked with a body, which the client makes. */
export function given(way, text) {
  return way.startsWith('server') ? new Blob([JSON.stringify({ input: text })]) : text
}

async function posted(app, blob, signal) {
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', headers, body: blob.stream(), duplex: 'half', ...(signal && { signal }) }
  const response = await app.fetch(new Request('http://localhost/v1/moderations', request))
  const { error } = JSON.parse(await response.text())
  signal?.throwIfAborted()
  if (error && (typeof error.code !== 'string' || response.status === 500))
    throw new Error(`${response.status}: ${error.code}`)
}

/** Those that pass on what an iterable of the caller's throws, as they say they do. */
export const PASS_ON = new Set([
  'classifyAll of it',
  'moderate of it',
  'a queue of it',
  'rows of a queue',
  'splitReasoning',
])

/** Everything public that takes an input, a row or another value: judged or refused with a typed error, whatever it is. */
export async function inputEntries({ gen, stream }) {
  const client = await createGuardClient({ servers: ['http://127.0.0.1:1'], timeoutMs: 200 })
  const withModeration = async (use) => {
    const moderation = await stream.open('x')
    try {
      await use(moderation)
    } finally {
      await moderation.close()
    }
  }
  const entries = {
    classify: (input) => gen.classify(input),
    classifyAll: (input) => drained(gen.classifyAll([input])),
    'classifyAll of it': (input) => drained(gen.classifyAll(input)),
    classifyPrompt: (input) => stream.classifyPrompt(input),
    open: async (input) => await (await stream.open(input)).close(),
    push: (input) => withModeration((moderation) => moderation.push(input)),
    pushTokens: (input) => withModeration((moderation) => moderation.pushTokens(input)),
    rewind: (input) => withModeration((moderation) => moderation.rewind(input)),
    moderate: (input) => drained(stream.moderate(input, source('x'))),
    'moderate of it': (input) => drained(stream.moderate('x', input)),
    'options of classify': (input) => gen.classify('x', input),
    'options of moderate': (input) => drained(stream.moderate('x', source('x'), input)),
    conversation: async (input) => {
      const conversation = await stream.conversation()
      try {
        await (await conversation.open(input)).close()
      } finally {
        await conversation.close()
      }
    },
    parseGen: (input) => parseGen(input),
    splitReasoning: (input) => splitReasoning(input),
    createApp: (input) => createApp(input).close(),
    'a client of servers': (input) => client.classify(input),
    'rows of a queue': async (input) => await drained((await rowsOfSource([input], {})).rows),
    'a queue of it': async (input) => await drained((await rowsOfSource(input, {})).rows),
  }
  return { entries, close: () => client.close() }
}
