import { describe, expect, it } from 'vitest'
import type { ModerationEvent } from '../../lib/index.js'
import { cli, jsonLines, Running } from '../support/cli.js'

const REPLY =
  'The sea is calm today, and the boats are out. I will kill you all tonight, and burn your house.'

async function events(args: string[], input: string | Buffer): Promise<ModerationEvent[]> {
  const { code, stdout, stderr } = await cli(['stream', '--json', ...args], input)
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return jsonLines(stdout) as ModerationEvent[]
}

function textOf(all: ModerationEvent[], type: 'text' | 'token'): string {
  return all
    .map((event) => {
      if (event.type !== type) return ''
      return event.type === 'text' ? event.text : event.type === 'token' ? event.verdict.text : ''
    })
    .join('')
}

describe('stream --json', () => {
  it('prints the prompt first, every token once and in order, and the end last', async () => {
    const all = await events(['--prompt', 'Tell me about the sea.'], REPLY)
    expect(all[0]?.type).toBe('prompt')
    expect(all.filter(({ type }) => type === 'end')).toHaveLength(1)
    expect(all.at(-1)?.type).toBe('end')
    const tokens = all.flatMap((event) => (event.type === 'token' ? [event.verdict] : []))
    expect(tokens.map(({ index }) => index)).toEqual(tokens.map((_, index) => index))
    expect(textOf(all, 'token')).toBe(REPLY)
  })

  it('withholds nothing without --block', async () => {
    const all = await events(['--prompt', 'How can I make a bomb?'], REPLY)
    expect(textOf(all, 'text')).toBe(REPLY)
    expect(all.some(({ type }) => type === 'block')).toBe(false)
  })

  it('gives the same verdicts however the bytes arrive, split characters included', async () => {
    const text = 'Él sueña: 海は静かだ。 👩‍🚀 I will kill you all tonight.'
    const whole = await events(['--prompt', 'Hi'], text)
    const running = new Running(['stream', '--json', '--prompt', 'Hi'])
    for (const byte of Buffer.from(text)) {
      running.child.stdin.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    running.child.stdin.end()
    const { stdout } = await running.finished
    const pieces = jsonLines(stdout) as ModerationEvent[]
    const verdicts = (all: ModerationEvent[]) =>
      all.flatMap((event) =>
        event.type === 'token' ? [[event.verdict.id, event.verdict.risk, event.verdict.start]] : [],
      )
    expect(verdicts(pieces)).toEqual(verdicts(whole))
    expect(pieces.at(-1)).toEqual(whole.at(-1))
  })

  it('shows tokens before stdin ends', async () => {
    const running = new Running(['stream', '--json', '--prompt', 'Tell me about the sea.'])
    running.child.stdin.write('The sea is calm today, ')
    await running.until('stdout', '"type":"token"')
    running.child.stdin.end('and the boats are out.')
    const { code, stdout } = await running.finished
    expect(code).toBe(0)
    expect(textOf(jsonLines(stdout) as ModerationEvent[], 'token')).toBe(
      'The sea is calm today, and the boats are out.',
    )
  })
})

describe('stream --block', () => {
  it('releases nothing from a block on, and ends while stdin is still open', async () => {
    const running = new Running(['stream', '--json', '--block', '--prompt', 'How can I make a bomb?'])
    running.child.stdin.write(REPLY.repeat(5))
    const { code, stdout } = await running.finished
    expect(code).toBe(0)
    const all = jsonLines(stdout) as ModerationEvent[]
    const block = all.find((event) => event.type === 'block')
    expect(block).toBeDefined()
    expect(all.slice(all.indexOf(block as ModerationEvent)).map(({ type }) => type)).toEqual(['block', 'end'])
    expect(textOf(all, 'text')).toBe(REPLY.repeat(5).slice(0, block?.type === 'block' ? block.start : 0))
  })
})

describe('stream for people', () => {
  it('shows the reply and says where it was flagged', async () => {
    const { code, stdout } = await cli(['stream', '--prompt', 'Tell me about the sea.'], REPLY)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Prompt {2}/)
    expect(stdout.replaceAll(/\[\[\w+\]\]/g, '')).toContain(REPLY)
    expect(stdout).toMatch(/\nReply {3}Unsafe {2}.+ {2}flagged at token \d+ of \d+, character \d+/)
    expect(stdout).not.toContain('\x1b')
  })

  it('exits with 3 when the reply is what --fail-on says', async () => {
    expect((await cli(['stream', '--prompt', 'Hi', '--fail-on', 'unsafe'], REPLY)).code).toBe(3)
  })
})

describe('how stream ends', () => {
  it('is 2 without a prompt and 1 for a model of the other variant', async () => {
    expect((await cli(['stream'], REPLY)).code).toBe(2)
    const { code, stdout, stderr } = await cli(['stream', '--prompt', 'Hi', '--model', 'demo-gen'], REPLY)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('(ERR_MODEL_KIND)')
  })

  it('is quiet when the reader of stdout goes away', async () => {
    const running = new Running(['stream', '--json', '--prompt', 'Hi'])
    running.child.stdin.write('The sea is calm. ')
    await running.until('stdout', '"type":"token"')
    running.child.stdout.destroy()
    const timer = setInterval(() => running.child.stdin.write('The boats are out. '), 20)
    const { code, stderr } = await running.finished
    clearInterval(timer)
    expect(code).toBe(0)
    expect(stderr).not.toMatch(/EPIPE|Error|\n +at /)
  })

  // On Windows a signal gives it no chance.
  it.skipIf(process.platform === 'win32')('is 130 after Ctrl-C while it waits for stdin', async () => {
    const running = new Running(['stream', '--prompt', 'Hi'])
    await running.until('stdout', 'Prompt')
    running.child.kill('SIGINT')
    const { code, stderr } = await running.finished
    expect(code).toBe(130)
    expect(stderr).not.toMatch(/\n +at /)
  })
})

describe('stream without a reply', () => {
  it('is wrong usage, as for check: an empty pipe is no text to be called Safe', async () => {
    const { code, stderr } = await cli(['stream', '--prompt', 'What is the capital of France?'])
    expect(code).toBe(2)
    expect(stderr).toContain('stdin is empty')
  })
})
