import { type Command, Option } from 'commander'
import {
  CATEGORIES,
  type ModerationEvent,
  type Policy,
  type Safety,
  StreamGuard,
  type TokenVerdict,
} from '../index.js'
import { Paint, promptLine, replyLine, TokenPrinter } from './display.js'
import { addFailOn, EXIT, type FailOn, failsOn, type Run, worstOf } from './exit.js'
import { addLoadOptions, type LoadFlags, readLoadOptions, withLoadProgress } from './load-options.js'
import { print, stdinText } from './standard-streams.js'

interface StreamFlags extends LoadFlags {
  prompt: string
  reasoning?: boolean
  tooLong: 'error' | 'slide'
  block?: boolean
  json?: boolean
  failOn?: FailOn
}

const HELP = `
Every verdict is shown and nothing is withheld, unless --block is given.

Example:
  $ some-model "Tell me about locks" | qwen3guard stream --prompt "Tell me about locks"`

/** With this policy a moderation reports and does not withhold; a guard that fails still blocks. */
const REPORT_ONLY: Policy = {
  prompt: 'flag',
  categories: Object.fromEntries(CATEGORIES.map((category) => [category, 'flag'])),
}

export function addStream(program: Command, run: Run): void {
  const { signal } = run
  const command = program
    .command('stream')
    .description('judge a reply token by token while it arrives on stdin')
    .requiredOption('--prompt <text>', "the user's message that is being replied to")
    .option('--reasoning', 'the reply begins with reasoning, up to </think>')
    .addOption(
      new Option('--too-long <how>', 'a reply over the context: an error, or seen in its latest part')
        .choices(['error', 'slide'])
        .default('error'),
    )
    .option('--block', 'release nothing from the first text on that the default policy blocks')
    .option('--json', 'print one moderation event a line')
    .addHelpText('after', HELP)
    .action(async (flags: StreamFlags) => {
      if (flags.prompt === '-') command.error('error: stdin is the reply: give --prompt as a text')
      if (flags.prompt === '') command.error('error: nothing to judge: --prompt is empty')
      const options = await readLoadOptions(command, flags, signal, 'demo-stream')
      const guard = await withLoadProgress(options, (options) => StreamGuard.load(options))
      try {
        if (process.stdin.isTTY) process.stderr.write('Type the reply; end it with Ctrl-D.\n')
        const reply = new ReadText(stdinText(signal))
        const events = guard.moderate(flags.prompt, reply, {
          tokens: true,
          reasoning: flags.reasoning === true,
          tooLong: flags.tooLong,
          signal,
          ...(!flags.block && { policy: REPORT_ONLY }),
        })
        const worst = await show(events, flags.json ? new JsonLines() : new Transcript(), signal)
        // As for check; unless the prompt was blocked, and stdin never read to its end.
        if (reply.ended && reply.empty) command.error('error: nothing to judge: stdin is empty')
        if (failsOn(flags.failOn, worst)) run.exitCode = EXIT.failOn
      } finally {
        // After a block it may still be open, and would keep the process waiting for text nobody reads.
        process.stdin.destroy()
        await guard.close()
      }
    })
  addFailOn(command)
  addLoadOptions(command, 'demo-stream')
}

/** Text as it is read, and whether there was any. */
class ReadText implements AsyncIterable<string> {
  empty = true
  ended = false
  readonly #source: AsyncIterable<string>

  constructor(source: AsyncIterable<string>) {
    this.#source = source
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for await (const text of this.#source) {
      this.empty = false
      yield text
    }
    this.ended = true
  }
}

/** Prints the events and returns the worse severity of prompt and reply; throws if the guard failed. */
async function show(
  events: AsyncIterable<ModerationEvent>,
  format: { format(event: ModerationEvent): string },
  signal: AbortSignal,
): Promise<Safety> {
  let worst: Safety | undefined
  let failure: unknown
  for await (const event of events) {
    const text = format.format(event)
    if (text !== '') await print(text, signal)
    if (event.type === 'prompt' || event.type === 'end') {
      worst = worstOf(event.verdict.safety, ...(worst === undefined ? [] : [worst]))
    }
    if (event.type === 'block' && event.error !== undefined) failure = event.error
  }
  if (failure !== undefined) throw failure
  if (worst === undefined) throw new Error('the moderation ended without a verdict')
  return worst
}

class JsonLines {
  format(event: ModerationEvent): string {
    // An Error's message is not enumerable, so JSON would drop it.
    const error =
      'error' in event && event.error ? { code: event.error.code, message: event.error.message } : null
    return `${JSON.stringify(error ? { ...event, error } : event)}\n`
  }
}

/** The prompt's verdict, the reply as its tokens become final, and where it was flagged. */
class Transcript {
  readonly #paint = new Paint(process.stdout)
  readonly #printer = new TokenPrinter(this.#paint)
  /** Tokens that are not Safe: one of them decides, if any does. */
  readonly #risky = new Map<number, TokenVerdict>()

  format(event: ModerationEvent): string {
    switch (event.type) {
      case 'prompt':
        return `${promptLine(this.#paint, event.verdict)}\n\n`
      case 'token':
        if (event.verdict.risk !== 'Safe') this.#risky.set(event.verdict.index, event.verdict)
        return this.#printer.print(event.verdict)
      case 'block':
        return this.#paint.dim(
          `\n[blocked: ${event.reason}; nothing from character ${event.start} on is released]`,
        )
      case 'end': {
        const { at } = event.verdict
        return `\n\n${replyLine(this.#paint, event.verdict, at === null ? undefined : this.#risky.get(at))}\n`
      }
      default:
        return ''
    }
  }
}
