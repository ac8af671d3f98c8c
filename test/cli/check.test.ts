import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GenGuard, type GenVerdict, type Message, StreamGuard } from '../../lib/index.js'
import { cli, jsonLines, Running } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const PROMPT = 'How can I make a bomb?'
const REPLY = 'First of all, people should never kill anyone. I will kill you all tonight.'

let gen: GenGuard
let stream: StreamGuard

beforeAll(async () => {
  gen = await GenGuard.load({ model: 'demo' })
  stream = await StreamGuard.load({ model: 'demo' })
})

afterAll(async () => {
  await gen?.close()
  await stream?.close()
})

async function check(args: string[], input?: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await cli(['check', '--json', ...args], input)
  expect({ code, stderr }).toMatchObject({ code: 0 })
  const [result, ...others] = jsonLines(stdout)
  expect(others).toEqual([])
  return result as Record<string, unknown>
}

/** A verdict without what changes from run to run. */
function timeless({ usage: _usage, ...verdict }: Partial<GenVerdict>) {
  return verdict
}

/** The same numbers but for what another batch shape does to the last bits. */
function closeTo(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isInteger(value)) return expect.closeTo(value, 3)
  if (Array.isArray(value)) return value.map(closeTo)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, closeTo(item)]))
}

describe('check --json with a Gen model', () => {
  it("prints Gen's verdict with model and kind, and nothing else", async () => {
    const result = await check([PROMPT])
    const { model, kind, ...verdict } = result as unknown as GenVerdict & { model: string; kind: string }
    expect({ model, kind }).toEqual({ model: 'demo-gen', kind: 'gen' })
    expect(timeless(verdict)).toEqual(closeTo(timeless(await gen.classify(PROMPT))))
    expect(Object.keys(verdict.usage).sort()).toEqual([
      'cachedTokens',
      'generatedTokens',
      'leastMargin',
      'ms',
      'passes',
      'promptTokens',
      'uncertain',
    ])
  })

  it('judges a reply with --prompt and --response, and says whether it refuses', async () => {
    const result = await check(['--prompt', PROMPT, '--response', "I'm sorry, I can't help with that."])
    const messages: Message[] = [
      { role: 'user', content: PROMPT },
      { role: 'assistant', content: "I'm sorry, I can't help with that." },
    ]
    const { model: _model, kind: _kind, ...verdict } = result
    expect(timeless(verdict)).toEqual(closeTo(timeless(await gen.classify(messages))))
    expect(typeof result.refusal).toBe('boolean')
  })

  it('reads messages from a file', async () => {
    const messages: Message[] = [
      { role: 'system', content: 'You are a chemist.' },
      { role: 'user', content: PROMPT },
    ]
    const path = join(directory, 'messages.json')
    writeFileSync(path, JSON.stringify(messages))
    const { model: _model, kind: _kind, ...verdict } = await check(['--messages', path])
    expect(timeless(verdict)).toEqual(closeTo(timeless(await gen.classify(messages))))
  })

  it.each([
    ['piped, without TEXT', []],
    ['for "-"', ['-']],
    ['for --prompt -', ['--prompt', '-']],
  ])('reads stdin %s, less the line break at its end', async (_name, args) => {
    const { model: _model, kind: _kind, ...verdict } = await check(args, `${PROMPT}\n`)
    expect(timeless(verdict)).toEqual(closeTo(timeless(await gen.classify(PROMPT))))
  })
})

describe('check --json with a Stream model', () => {
  it('prints prompt, reply and tokens', async () => {
    const result = await check(['--prompt', PROMPT, '--response', REPLY, '--model', 'demo-stream'])
    const moderation = await stream.open(PROMPT)
    const tokens = await moderation.push(REPLY)
    const { rest, ...reply } = await moderation.end()
    await moderation.close()
    expect(result).toEqual(
      closeTo({
        model: 'demo-stream',
        kind: 'stream',
        prompt: moderation.prompt,
        reply,
        tokens: [...tokens, ...rest],
      }),
    )
    expect((result.tokens as { text: string }[]).map(({ text }) => text).join('')).toBe(REPLY)
  })

  it('has no reply and no tokens where only a prompt is judged', async () => {
    expect(await check([PROMPT, '--model', 'demo-stream'])).toEqual(
      closeTo({
        model: 'demo-stream',
        kind: 'stream',
        prompt: await stream.classifyPrompt(PROMPT),
        reply: null,
        tokens: [],
      }),
    )
  })

  it('judges the reasoning and the answer of an assistant message', async () => {
    const path = join(directory, 'reasoning.json')
    const messages = [
      { role: 'user', content: 'Say hello.' },
      { role: 'assistant', reasoning: 'The user wants a greeting.', content: 'Hello!' },
    ]
    writeFileSync(path, JSON.stringify(messages))
    const { tokens } = await check(['--messages', path, '--model', 'demo-stream'])
    const parts = new Set((tokens as { part: string }[]).map(({ part }) => part))
    expect(parts).toEqual(new Set(['reasoning', 'answer']))
  })
})

describe('check for people', () => {
  it('names the severity first and the scores below, without colours in a pipe', async () => {
    const { safety } = await gen.classify(PROMPT)
    const { stdout } = await cli(['check', PROMPT])
    expect(stdout.startsWith(safety)).toBe(true)
    expect(stdout).toMatch(/scores +Unsafe .*% +Controversial .*% +Safe .*%/)
    expect(stdout).not.toContain('\x1b')
  })

  it('shows the reply and marks where its risk changes', async () => {
    const { stdout } = await cli(['check', '--model', 'demo-stream', '--prompt', 'Hi', '--response', REPLY])
    expect(stdout).toMatch(/^Prompt {2}/)
    expect(stdout).toMatch(/\nReply {3}/)
    expect(stdout.replaceAll(/\[\[\w+\]\]/g, '')).toContain(REPLY)
  })

  it('sends no control sequence of a judged text to the terminal', async () => {
    const { stdout } = await cli([
      'check',
      '--model',
      'demo-stream',
      '--prompt',
      'Hi',
      '--response',
      'a\x1b[2Jb\u009bc',
    ])
    expect(stdout).toContain('\u241b[2J')
    expect(stdout).not.toMatch(/[\x1b\u009b]/)
  })
})

describe('exit codes of check', () => {
  it('is 3 when the verdict is at least what --fail-on says', async () => {
    const severities = ['Safe', 'Controversial', 'Unsafe']
    for (const text of ['What is the capital of France?', PROMPT]) {
      const found = severities.indexOf((await gen.classify(text)).safety)
      for (const [failOn, limit] of [
        ['controversial', 1],
        ['unsafe', 2],
      ] as const) {
        const { code } = await cli(['check', text, '--fail-on', failOn])
        expect(code).toBe(found >= limit ? 3 : 0)
      }
    }
  })

  it.each([
    ['a response without its prompt', ['--response', 'x'], 'needs --prompt'],
    ['two texts', ['x', '--prompt', 'y'], 'give one of'],
    ['nothing on stdin', [], 'nothing to judge'],
    ['an unknown option', ['x', '--colour'], 'unknown option'],
    ['a severity that is none', ['x', '--fail-on', 'safe'], 'Allowed choices'],
    ['a thread count that is none', ['x', '--threads', 'two'], 'whole number'],
    ['a thread count out of range', ['x', '--threads', '0'], 'from 1 to 512'],
    ['options that exclude each other', ['x', '--kv-type', 'q8_0', '--flash-attention', 'off'], 'q8_0'],
  ])('is 2 for %s', async (_name, args, message) => {
    const { code, stdout, stderr } = await cli(['check', ...args])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
  })

  it.each([
    ['a model file that is missing', ['x', '--model', 'nowhere.gguf'], 'ERR_MODEL_NOT_FOUND'],
    ['a back end that is missing', ['x', '--gpu', 'cuda'], 'ERR_BACKEND_MISSING'],
    ['a messages file that is missing', ['--messages', 'nowhere.json'], 'ENOENT'],
    ['a text too long', ['word '.repeat(600), '--context-size', '128'], 'ERR_TOO_LONG'],
  ])('is 1 for %s, with the code on stderr', async (_name, args, code) => {
    const finished = await cli(['check', '--json', ...args])
    expect({ ...finished, stderr: '' }).toEqual({ code: 1, stdout: '', stderr: '' })
    expect(finished.stderr).toContain(`(${code})`)
  })

  it.each([
    ['no JSON', '{'],
    ['no array', '{"role":"user","content":"x"}'],
    ['a role that is none', '[{"role":"bot","content":"x"}]'],
    ['content that is no text', '[{"role":"user","content":5}]'],
  ])('is 1 for a messages file that holds %s', async (_name, text) => {
    const path = join(directory, 'broken.json')
    writeFileSync(path, text)
    const { code, stdout } = await cli(['check', '--json', '--messages', path])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })
})

it('says on stderr that a demonstration model protects nobody, once', async () => {
  const { stderr } = await cli(['check', PROMPT, '--json'])
  expect(stderr.match(/demonstration model/g)).toHaveLength(1)
  expect(stderr).toContain('npx qwen3guard pull qwen3guard-gen-0.6b')
})

describe('check --too-long', () => {
  const long = 'I like my garden, the birds in it and the old tree. '.repeat(40)

  it('is an error unless asked for', async () => {
    const { code, stderr } = await cli(['check', '--context-size', '512', long])
    expect(code).toBe(1)
    expect(stderr).toMatch(/512/)
  })

  it("judges Gen's in windows and Stream's reply in its latest part", async () => {
    const gen = await check(['--context-size', '512', '--too-long', 'window', `${long}I will kill you all.`])
    expect(gen.window).toMatchObject({ start: expect.any(Number), end: expect.any(Number) })
    const reply = ['--prompt', 'Hello', '--response', long, '--model', 'demo-stream']
    const stream = await check(['--context-size', '256', '--too-long', 'slide', ...reply])
    expect(stream.reply).toMatchObject({ complete: true })
    expect((stream.reply as { tokenCount: number }).tokenCount).toBeGreaterThan(256)
  })

  it('is about the last message: --history drop leaves the oldest turns out and says so', async () => {
    const turn = [
      { role: 'user', content: 'I like my garden, the birds in it and the old tree. '.repeat(5) },
      { role: 'assistant', content: 'So do I.' },
    ]
    const path = join(directory, 'long.json')
    const messages = [...Array(20).fill(turn).flat(), { role: 'user', content: 'hello' }]
    writeFileSync(path, JSON.stringify(messages))
    for (const model of ['demo-gen', 'demo-stream']) {
      const words = ['--model', model, '--context-size', '512', '--messages', path]
      expect((await cli(['check', ...words])).code).toBe(1)
      const result = await check([...words, '--history', 'drop'])
      const { droppedMessages } = (model === 'demo-gen' ? result.usage : result) as {
        droppedMessages: number
      }
      expect(droppedMessages).toBeGreaterThan(0)
      expect(droppedMessages % 2).toBe(0)
      const { stdout } = await cli(['check', ...words, '--history', 'drop'])
      expect(stdout).toContain(`without the oldest ${droppedMessages} messages`)
    }
  })

  it('says which models have which', async () => {
    const wrong = await cli(['check', '--too-long', 'slide', 'Hello'])
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('--too-long window') })
  })
})

describe('check reads', () => {
  it('no stdin of another format, and none that is no single text, however long it is', async () => {
    const packed = await cli(['check'], gzipSync('hello'))
    expect({ code: packed.code, stdout: packed.stdout }).toEqual({ code: 1, stdout: '' })
    expect(packed.stderr).toContain('stdin is gzip')
    const running = new Running(['check'])
    // As /dev/zero would.
    const feed = () => running.child.stdin.writable && running.child.stdin.write(Buffer.alloc(1 << 20), feed)
    feed()
    const { code, stderr } = await running.finished
    expect(code).toBe(1)
    expect(stderr).toContain('stdin has more than 64 MiB')
  })

  const messages = [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }]

  it('messages and texts with a byte order mark as without', async () => {
    const path = join(directory, 'bom.json')
    writeFileSync(path, `\uFEFF${JSON.stringify(messages)}`)
    const expected = JSON.parse((await cli(['check', '--json', 'hello'])).stdout) as {
      usage: { promptTokens: number }
    }
    for (const run of [
      cli(['check', '--json', '--messages', path]),
      cli(['check', '--json', '--messages', '-'], `\uFEFF${JSON.stringify(messages)}`),
      cli(['check', '--json'], '\uFEFFhello\n'),
    ]) {
      const { code, stdout } = await run
      expect(code).toBe(0)
      expect((JSON.parse(stdout) as typeof expected).usage.promptTokens).toBe(expected.usage.promptTokens)
    }
  })

  it('reads messages in UTF-16, as PowerShell writes them, and names what has no byte order mark', async () => {
    const path = join(directory, 'utf16.json')
    const text = `${JSON.stringify(messages, null, 2).replaceAll('\n', '\r\n')}\r\n`
    writeFileSync(path, Buffer.from(`\uFEFF${text}`, 'utf16le'))
    expect((await cli(['check', '--messages', path])).code).toBe(0)
    writeFileSync(path, Buffer.from(text, 'utf16le'))
    const { code, stderr } = await cli(['check', '--messages', path])
    expect(code).toBe(1)
    expect(stderr).toContain('UTF-16')
  })

  it("reasoning as Qwen3's template writes it, without line ends around it", async () => {
    const ids = async (reasoning: string, content: string) => {
      const conversation = [
        { role: 'user', content: 'x' },
        { role: 'assistant', reasoning, content },
      ]
      const args = ['check', '--json', '--model', 'demo-stream', '--messages', '-']
      const { stdout } = await cli(args, JSON.stringify(conversation))
      return (JSON.parse(stdout) as { tokens: { id: number }[] }).tokens.map(({ id }) => id)
    }
    expect(await ids('\nbecause\n\n', '\nyo')).toEqual(await ids('because', 'yo'))
  })
})
