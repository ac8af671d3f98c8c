import { type Command, Option } from 'commander'
import { CATEGORIES, type ModerationEvent, type Policy, type Safety, StreamGuard } from '../index.js'
import { worstOf } from '../labels.js'
import { addFailOn, EXIT, type FailOn, failsOn, type Run } from './exit.js'
import { addLoadOptions, type LoadFlags, readLoadOptions, withLoadProgress } from './load-options.js'
import { readPolicy } from './policy-file.js'
import { PolicyStop } from './policy-stop.js'
import { say } from './say.js'
import { readSse, type StreamEnd } from './sse.js'
import { judgeChunks } from './sse-reply.js'
import { print, stdinText } from './standard-streams.js'
import { endOfInput } from './stop-signals.js'
import { JsonLines, type ShownEvent, Transcript } from './stream-text.js'

interface StreamFlags extends LoadFlags {
  prompt: string
  reasoning?: boolean
  tooLong: 'error' | 'slide'
  block?: boolean
  sse?: boolean
  policy?: string
  json?: boolean
  failOn?: FailOn
}

const HELP = `
Every verdict is shown and nothing is withheld, unless --block is given.

Example:
  $ some-model "Tell me about locks" | qwen3guard stream --prompt "Tell me about locks"
  $ curl -sN http://localhost:8000/v1/chat/completions -d @request.json | qwen3guard stream --sse --prompt "Tell me about locks"`

/** Milliseconds that a text of a stream waits for a place, which another that goes on beside it may have. */
const LONGEST_WAIT_MS = 10_000

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
    .option('--sse', 'stdin is an OpenAI-style stream of server-sent events: chat completions, Responses')
    .option('--policy <file>', 'JSON: show where this policy would stop the reply, by --sse the default one')
    .option('--block', 'release nothing from the first text on that the policy blocks')
    .option('--json', 'print one moderation event a line')
    .addHelpText('after', HELP)
    .action(async (flags: StreamFlags) => {
      if (flags.prompt === '-') command.error('error: stdin is the reply: give --prompt as a text')
      if (flags.prompt === '') command.error('error: nothing to judge: --prompt is empty')
      const policy =
        flags.policy === undefined ? undefined : await readStreamPolicy(command, flags.policy, signal)
      const options = await readLoadOptions(command, flags, signal, 'demo-stream')
      const guard = await withLoadProgress(options, (options) => StreamGuard.load(options))
      try {
        if (process.stdin.isTTY) process.stderr.write(`Type the reply; end it with ${endOfInput()}.\n`)
        const moderateOptions = {
          tokens: true,
          tooLong: flags.tooLong,
          signal,
          policy: flags.block ? (policy ?? {}) : REPORT_ONLY,
        }
        const stops = !flags.block && (flags.sse || policy !== undefined) ? (policy ?? {}) : null
        const shown = new Shown(flags.json ? new JsonLines() : new Transcript(), stops, signal)
        if (flags.sse) {
          const end: StreamEnd = { said: false }
          const texts = await judgeChunks(
            readSse(stdinText(signal), end),
            (reply, reasoning) =>
              guard.moderate(flags.prompt, reply, {
                ...moderateOptions,
                reasoning: reasoning || flags.reasoning === true,
                queueTimeoutMs: LONGEST_WAIT_MS,
              }),
            (event) => shown.show(event),
          )
          if (texts === 0) command.error('error: nothing to judge: the stream on stdin holds no text')
          if (!end.said && !shown.blocked) note('stdin ended without [DONE]: the reply may be cut off')
        } else {
          const reply = new ReadText(stdinText(signal))
          const reasoning = flags.reasoning === true
          const events = guard.moderate(flags.prompt, reply, { ...moderateOptions, reasoning })
          for await (const event of events) await shown.show(event)
          // As for check; unless the prompt was blocked, and stdin never read to its end.
          if (reply.ended && reply.empty) command.error('error: nothing to judge: stdin is empty')
        }
        if (failsOn(flags.failOn, shown.worst)) run.exitCode = EXIT.failOn
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

async function readStreamPolicy(command: Command, file: string, signal: AbortSignal): Promise<Policy> {
  if (file === '-') command.error('error: stdin is the reply: give --policy a file')
  return await readPolicy(file, signal)
}

function note(text: string): void {
  say(`note: ${text}`)
}

/** Prints events as they come, one after the other, and keeps the worst severity. */
class Shown {
  blocked = false
  #worst: Safety | undefined
  readonly #stops = new Map<string, PolicyStop>()

  /** With a policy in `stops`, where that would have stopped a text is told. */
  constructor(
    readonly format: { format(event: ShownEvent): string },
    readonly stops: Policy | null,
    readonly signal: AbortSignal,
  ) {}

  /** The worse severity of prompt and reply. */
  get worst(): Safety {
    if (this.#worst === undefined) throw new Error('the moderation ended without a verdict')
    return this.#worst
  }

  /** Prints an event; whether it is a block. Throws if the guard failed. */
  async show(event: ModerationEvent & { of?: string }): Promise<boolean> {
    await this.#print(event)
    const stop = this.stops && this.#stopOf(event.of ?? '', this.stops).at(event)
    if (stop) await this.#print({ ...stop, ...(event.of !== undefined && { of: event.of }) })
    if (event.type === 'prompt' || event.type === 'end') {
      this.#worst = worstOf(event.verdict.safety, ...(this.#worst === undefined ? [] : [this.#worst]))
    }
    if (event.type !== 'block') return false
    if (event.error !== undefined) throw event.error
    this.blocked = true
    return true
  }

  #stopOf(of: string, policy: Policy): PolicyStop {
    const stop = this.#stops.get(of) ?? new PolicyStop(policy)
    this.#stops.set(of, stop)
    return stop
  }

  async #print(event: ShownEvent): Promise<void> {
    const text = this.format.format(event)
    if (text !== '') await print(text, this.signal)
  }
}
