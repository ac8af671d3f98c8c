import type { Command } from 'commander'
import { InputError } from '../data/input-error.js'
import type { Message } from '../index.js'
import { askForTexts } from './ask.js'
import { exchange, parseMessages } from './conversation.js'
import { Paint, percent, promptLine, replyLine, riskScores, TokenPrinter } from './display.js'
import { addFailOn, EXIT, type FailOn, failsOn, type Run } from './exit.js'
import { type CheckResult, judge, loadGuard, severityOf } from './judge.js'
import { addLoadOptions, type LoadFlags } from './load-options.js'
import { printable } from './printable.js'
import { print } from './standard-streams.js'
import { interrupt } from './stop-signals.js'
import { readTextFile } from './text-file.js'
import { addTooLong, type Fit } from './too-long.js'
import { wrapVerdict } from './wrap.js'

interface CheckFlags extends LoadFlags, Fit {
  prompt?: string
  response?: string
  messages?: string
  json?: boolean
  failOn?: FailOn
}

const HELP = `
TEXT, the text of --prompt or --response, or the file of --messages may be "-" for stdin. Without any text, a piped stdin is read;
a terminal is asked for texts, one a line, until Ctrl-D.

Example:
  $ qwen3guard check --prompt "How do I pick a lock?" --response "First, insert a tension wrench …"`

export function addCheck(program: Command, run: Run): void {
  const { signal } = run
  const command = program
    .command('check')
    .description('judge one prompt, reply or conversation')
    .argument('[text]', "a user's message")
    .option('--prompt <text>', "a user's message")
    .option('--response <text>', "the assistant's reply to --prompt: the reply is judged")
    .option('--messages <file>', 'a JSON array of {"role", "content"}: its last message is judged')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (text: string | undefined, flags: CheckFlags) => {
      const asks = isToAsk(command, text, flags)
      const messages = asks ? null : await readConversation(command, text, flags, signal)
      const loaded = await loadGuard(command, flags, signal)
      const check = async (messages: Message[]) => {
        const result = await judge(loaded, messages, flags, signal)
        await print(`${flags.json ? JSON.stringify(result) : describe(result)}\n`)
        if (failsOn(flags.failOn, severityOf(result))) run.exitCode = EXIT.failOn
      }
      try {
        if (messages !== null) return await check(messages)
        // Ctrl-C ends the command as it ends any other.
        await askForTexts(process.stdin, process.stderr, (text) => check(exchange(text)), {
          signal,
          interrupt,
        })
      } finally {
        await loaded.guard.close()
      }
    })
  addFailOn(command)
  addTooLong(command)
  addLoadOptions(command, 'demo-gen')
}

/** Whether a person is to be asked for texts; refuses flags that contradict each other. */
function isToAsk(command: Command, text: string | undefined, flags: CheckFlags): boolean {
  const given = [text, flags.prompt, flags.messages].filter((value) => value !== undefined)
  if (given.length > 1) command.error('error: give one of TEXT, --prompt and --messages')
  if (flags.response !== undefined && flags.prompt === undefined) {
    command.error('error: --response needs --prompt')
  }
  return given.length === 0 && process.stdin.isTTY
}

async function readConversation(
  command: Command,
  text: string | undefined,
  flags: CheckFlags,
  signal: AbortSignal,
): Promise<Message[]> {
  if (flags.messages !== undefined) return await readMessages(command, flags.messages, signal)

  const prompt = text ?? flags.prompt ?? '-'
  if (prompt === '-' && flags.response === '-') command.error('error: only one text can come from stdin')
  const read = async (value: string, name: string) => {
    // All of stdin less one line break at its end, as the shell's `$(…)` drops it.
    const read = value === '-' ? (await readTextFile('-', signal)).replace(/\r?\n$/, '') : value
    return notEmpty(command, read, value === '-' ? 'stdin' : name)
  }
  const user = await read(prompt, text === undefined ? '--prompt' : 'TEXT')
  return exchange(user, flags.response === undefined ? undefined : await read(flags.response, '--response'))
}

async function readMessages(command: Command, path: string, signal: AbortSignal): Promise<Message[]> {
  const name = path === '-' ? 'stdin' : path
  const json = await readTextFile(path, signal)
  notEmpty(command, json.trim(), name)
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new InputError(`${name} is not JSON: ${(cause as Error).message}`, { cause })
  }
  return parseMessages(value)
}

/** An empty text is far more often a mistake upstream than a text to be called Safe. */
function notEmpty(command: Command, text: string, name: string): string {
  if (text === '') command.error(`error: nothing to judge: ${name} is empty`)
  return text
}

/** The verdict for people. */
function describe(result: CheckResult): string {
  const paint = new Paint(process.stdout)
  if (result.kind === 'gen') {
    const { usage } = result
    const lines = [
      wrapVerdict(`${paint.severity(result.safety)}  ${result.categories.join(', ')}`.trimEnd(), 0),
      wrapVerdict(`  scores   ${riskScores(result.scores.safety)}`, 11),
    ]
    if (result.refusal !== null) {
      const score = result.scores.refusal === null ? '' : `  (yes ${percent(result.scores.refusal)})`
      lines.push(`  refusal  ${result.refusal ? 'yes' : 'no'}${score}`)
    }
    const model = printable(result.model)
    const about = `  ${model}, ${usage.promptTokens} tokens in ${usage.ms.toFixed(0)} ms`
    lines.push(paint.dim(wrapVerdict(about, 2)))
    lines.push(...droppedLine(paint, usage))
    return lines.join('\n')
  }
  const lines = [promptLine(paint, result.prompt), ...droppedLine(paint, result)]
  if (result.reply !== null) {
    const { reply, tokens } = result
    const printer = new TokenPrinter(paint)
    const text = tokens.map((token) => printer.print(token)).join('')
    lines.push(replyLine(paint, reply, reply.at === null ? undefined : tokens[reply.at]), '', text)
  }
  return lines.join('\n')
}

function droppedLine(paint: Paint, { droppedMessages = 0 }: { droppedMessages?: number }): string[] {
  return droppedMessages === 0
    ? []
    : [paint.dim(wrapVerdict(`  judged without the oldest ${droppedMessages} messages`, 2))]
}
