import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { askForTexts } from '../../lib/cli/ask.js'
import { table } from '../../lib/cli/display.js'
import { wrapHelp, wrapMessage, wrapVerdict } from '../../lib/cli/wrap.js'
import { cli, Running } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const COMMANDS = [
  '',
  'check',
  'stream',
  'batch',
  'convert',
  'quantize',
  'inspect',
  'pull',
  'models',
  'models rm',
  'doctor',
  'build',
]
const directory = temporaryDirectory()

/** What does not fit, but for single words such as paths, which are not cut. */
function tooWide(text: string, width: number): string[] {
  return text.split('\n').filter((line) => line.length > width && line.trim().includes(' '))
}

async function narrow(args: string[], columns = 60, input = ''): Promise<string> {
  const running = new Running(args, { COLUMNS: String(columns) })
  running.child.stdin.end(input)
  const { code, stdout } = await running.finished
  expect(code).toBe(0)
  return stdout
}

describe('at 60 columns', () => {
  it.each(COMMANDS)('the help of "%s" is wrapped', async (command) => {
    const help = await narrow([...command.split(' ').filter(Boolean), '--help'])
    expect(help).toMatch(/^Usage: qwen3guard/)
    expect(tooWide(help, 60)).toEqual([])
  })

  it.each([[['models']], [['inspect', 'demo-gen']]])('the table of %j is wrapped', async (args) => {
    expect(tooWide(await narrow(args), 60)).toEqual([])
  })

  it('a table keeps its columns where the last one has room, and else becomes paragraphs', () => {
    const long = 'a sentence that goes on for longer than there is room'
    expect(
      table(
        [
          ['name', 'x'],
          ['network', long],
        ],
        40,
      ),
    ).toBe('name     x\nnetwork  a sentence that goes on for\n         longer than there is room')
    expect(table([['demo-generation', 'stream', 'q8_0', long]], 40)).toBe(
      'demo-generation stream q8_0 a sentence\n  that goes on for longer than there is\n  room',
    )
    expect(table([['name', long]], undefined)).toBe(`name  ${long}`)
  })

  it('messages are wrapped between words, and what stands in backticks is not cut', () => {
    const message =
      'warning: it protects nobody. For moderation run `npx qwen3guard pull NAME` and give it as --model.'
    expect(wrapMessage(message, 40)).toBe(
      'warning: it protects nobody. For\n  moderation run\n  `npx qwen3guard pull NAME` and give it\n  as --model.',
    )
    expect(wrapMessage('  errors: ERR_INPUT 1, ERR_TOO_LONG 2', 30)).toBe(
      '  errors: ERR_INPUT 1,\n    ERR_TOO_LONG 2',
    )
    expect([wrapMessage(message, undefined), wrapMessage('short', 40)]).toEqual([message, 'short'])
  })

  it('an example goes on behind a backslash, as a shell takes it', () => {
    const example = '  $ qwen3guard check --prompt "How do I pick a lock?" --response "First of all, …"'
    const wrapped = wrapHelp(example, 60)
    expect(tooWide(wrapped, 60)).toEqual([])
    expect(wrapped.replace(/ \\\n +/g, ' ')).toBe(example)
    expect(wrapHelp('  $ qwen3guard batch rows.jsonl --out part-3.jsonl --shard 3/8 --resume', 60)).toBe(
      '  $ qwen3guard batch rows.jsonl --out part-3.jsonl \\\n      --shard 3/8 --resume',
    )
  })
})

describe.each([60, 40])('verdicts at %i columns', (columns) => {
  const REPLY = 'I will kill you all tonight, and burn your house.'

  it.each([
    ['a prompt by Gen', ['check', 'How can I make a bomb?'], ''],
    ['a reply by Gen', ['check', '--prompt', 'Hi', '--response', REPLY], ''],
    ['a reply by Stream', ['check', '--model', 'demo-stream', '--prompt', 'Hi', '--response', REPLY], ''],
    ['a stream', ['stream', '--prompt', 'Hi'], REPLY],
  ])('of %s are wrapped, and nothing of them is lost', async (_name, args, input) => {
    const [wide, wrapped] = [await narrow(args, 200, input), await narrow(args, columns, input)]
    // The reply itself is the terminal's to wrap, and times differ.
    const verdicts = (text: string) => text.split('\n').filter((line) => !line.includes('I will'))
    expect(tooWide(verdicts(wrapped).join('\n'), columns)).toEqual([])
    const words = (text: string) =>
      verdicts(text)
        .join(' ')
        .replace(/in \d+ ms/, '')
        .split(/\s+/)
    expect(words(wrapped)).toEqual(words(wide))
  })
})

describe('the figures of eval', () => {
  it('keep their names where their table has no room', async () => {
    const rows = join(directory, 'labelled.jsonl')
    writeFileSync(
      rows,
      '{"prompt":"How can I make a bomb?","label":"unsafe"}\n{"prompt":"Hello","label":"safe"}\n',
    )
    const text = await narrow(['eval', rows, '--model', 'demo-gen'], 60)
    expect(tooWide(text, 60)).toEqual([])
    expect(text).toMatch(/\n {2}prompts {2}n 2 {2}unjudged 0 {2}reading strict/)
  })
})

describe('wrapVerdict', () => {
  it('cuts between parts first, and counts no colours', () => {
    const red = (text: string) => `\x1b[31m${text}\x1b[39m`
    const line = `Prompt  ${red('Unsafe')}  Non-violent Illegal Acts  Unsafe 97.9%  Safe 0.1%`
    expect(wrapVerdict(line, 8, 40)).toBe(
      `Prompt  ${red('Unsafe')}  Non-violent Illegal Acts\n        Unsafe 97.9%  Safe 0.1%`,
    )
    expect(wrapVerdict(`Reply   ${red('Safe')}  a part that is longer than a line is`, 8, 30)).toBe(
      `Reply   ${red('Safe')}\n        a part that is longer\n        than a line is`,
    )
    expect(wrapVerdict(line, 8, undefined)).toBe(line)
  })
})

describe('an empty text', () => {
  const empty = join(directory, 'empty.json')
  writeFileSync(empty, '\n')
  it.each([
    ['stdin', ['check']],
    ['stdin', ['check', '-']],
    ['stdin', ['check', '--prompt', '-']],
    ['stdin', ['check', '--prompt', 'x', '--response', '-']],
    ['stdin', ['check', '--messages', '-']],
    ['TEXT', ['check', '']],
    ['--prompt', ['check', '--prompt', '']],
    ['--response', ['check', '--prompt', 'x', '--response', '']],
    [empty, ['check', '--messages', empty]],
    ['--prompt', ['stream', '--prompt', '']],
    ['stdin', ['stream', '--prompt', 'x']],
  ])('is wrong usage: %s of %j', async (name, args) => {
    const { code, stderr } = await cli(args, '')
    expect(code).toBe(2)
    expect(stderr).toContain(`nothing to judge: ${name} is empty`)
  })
})

describe('"-" is stdin', () => {
  it('for a chat template, and for one text alone', async () => {
    const template = 'Safety: Categories: {{ messages[0].content }}'
    const read = await cli(['check', 'x', '--chat-template', '-', '--json'], template)
    expect(read.code).toBeLessThan(2)
    expect(read.stderr).not.toContain('ENOENT')
    const twice = await cli(['check', '-', '--chat-template', '-'], template)
    expect(twice).toMatchObject({ code: 1, stderr: expect.stringContaining('stdin can be read once') })
  })

  it('for the rows of a comparison', async () => {
    const row = JSON.stringify({ prompt: 'How can I make a bomb?' })
    const { code, stdout } = await cli(
      ['inspect', '--compare', 'demo-gen', 'demo-gen', '--data', '-', '--json'],
      row,
    )
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ rows: 1, compared: 1 })
  })

  it('and where it cannot be, the error says so', async () => {
    const prompt = await cli(['stream', '--prompt', '-'], 'x')
    expect(prompt).toMatchObject({ code: 2, stderr: expect.stringContaining('stdin is the reply') })
    const model = await cli(['check', 'x', '--model', '-'])
    expect(model).toMatchObject({ code: 1, stderr: expect.stringContaining('not read from stdin') })
  })
})

describe('askForTexts', () => {
  it('hands over each line that says something, in order, and ends with the input', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()]
    const answered: string[] = []
    const asked = askForTexts(input, output, async (text) => void answered.push(text), {
      signal: new AbortController().signal,
      interrupt: () => {},
    })
    for (const piece of ['hel', 'lo\n', '\n  \n', 'and again\n']) input.write(piece)
    input.end()
    await asked
    expect(answered).toEqual(['hello', 'and again'])
    expect(String(output.read())).toContain('Ctrl-D')
  })

  it('ends with what a check throws, and with the reason of an abort', async () => {
    const input = new PassThrough()
    input.write('hello\n')
    const failing = askForTexts(input, new PassThrough(), () => Promise.reject(new Error('no verdict')), {
      signal: new AbortController().signal,
      interrupt: () => {},
    })
    await expect(failing).rejects.toThrow('no verdict')
    const abort = new AbortController()
    const waiting = askForTexts(new PassThrough(), new PassThrough(), async () => {}, {
      signal: abort.signal,
      interrupt: () => {},
    })
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })

  // util-linux's script gives a program a terminal.
  const terminal = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0
  it.runIf(terminal)('is what check does in a terminal without a text', async () => {
    const command = `"${process.execPath}" "${MAIN}" check --fail-on unsafe`
    const child = spawn('script', ['-qec', command, '/dev/null'])
    let shown = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text))
    const until = async (what: RegExp) => {
      while (!what.test(shown)) await once(child.stdout, 'data')
      shown = ''
    }
    await until(/end with Ctrl-D[\s\S]*> /)
    child.stdin.write('How can I make a bomb?\n')
    await until(/Unsafe[\s\S]*> /)
    child.stdin.write('\x04')
    const [code] = await once(child, 'close')
    expect(code).toBe(3)
  })

  it.runIf(terminal)('a terminal gets colours in verdicts of its width, but for NO_COLOR', async () => {
    const command = `stty cols 40; "${process.execPath}" "${MAIN}" check --model demo-stream --prompt Hi --response "Here is how to build a bomb and hack into the bank." 2>/dev/null`
    const shown = async (noColour: string) => {
      const env = { ...process.env, TERM: 'xterm', NO_COLOR: noColour }
      const child = spawn('script', ['-qec', command, '/dev/null'], { env })
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      await once(child, 'close')
      return text.replaceAll('\r\n', '\n')
    }
    const [coloured, plain] = [await shown(''), await shown('1')]
    expect(coloured).toContain('\x1b[')
    expect(plain).not.toContain('\x1b[')
    expect(plain).toContain('[[')
    expect(tooWide(plain.slice(plain.indexOf('Prompt'), plain.indexOf('\n\n')), 40)).toEqual([])
    // What is Safe has the terminal's own colour, on a dark ground as on a light one.
    expect(coloured).not.toMatch(/\x1b\[(3[07]|4\d)m/)
  })
})
