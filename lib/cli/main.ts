#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { InputError } from '../data/input-error.js'
import { GuardError } from '../errors.js'
import { EXIT, type Run } from './exit.js'
import { inFlags } from './flag-names.js'
import { say } from './say.js'
import { exitCodeOf, stopSignals } from './stop-signals.js'
import { terminalWidth, wrapHelp } from './wrap.js'

/** Columns of a help text that goes to a file. */
const WIDEST_HELP = 100

/** Adds a command to the program. */
type AddCommand = (program: Command, run: Run, version: string) => Promise<void>

/** In the order of the help. */
const COMMANDS: Readonly<Record<string, AddCommand>> = {
  check: async (program, run) => (await import('./check.js')).addCheck(program, run),
  stream: async (program, run) => (await import('./stream.js')).addStream(program, run),
  batch: async (program, run) => (await import('./batch.js')).addBatch(program, run),
  merge: async (program, run) => (await import('./merge.js')).addMerge(program, run),
  serve: async (program, run) => (await import('./serve.js')).addServe(program, run),
  worker: async (program, run) => (await import('./worker.js')).addWorker(program, run),
  eval: async (program, run, version) => (await import('./eval.js')).addEval(program, run, version),
  convert: async (program, run) => (await import('./convert.js')).addConvert(program, run),
  quantize: async (program, run) => (await import('./quantize.js')).addQuantize(program, run),
  inspect: async (program, run) => (await import('./inspect.js')).addInspect(program, run),
  pull: async (program, run) => (await import('./pull.js')).addPull(program, run),
  models: async (program) => (await import('./models.js')).addModels(program),
  doctor: async (program, run, version) => (await import('./doctor.js')).addDoctor(program, run, version),
  build: async (program, run) => (await import('./build.js')).addBuild(program, run),
  completion: async (program) => (await import('./completion.js')).addCompletion(program),
}

/** Ends the command quietly: whoever read its output has seen enough. */
class BrokenPipe extends Error {}

/** Ends the command because of a signal. */
class Interrupted extends Error {
  readonly exitCode: number
  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`)
    this.exitCode = exitCodeOf(signal)
  }
}

async function createProgram(run: Run): Promise<Command> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const program = new Command('qwen3guard')
    .description('Qwen3Guard content moderation: prompts, replies and token streams judged on this machine.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(--help shows what is expected)')
    // Descriptions are wrapped beside long flags too.
    .configureHelp({ minWidthToWrap: 20 })
    .configureOutput({
      getOutHelpWidth: () => terminalWidth() ?? WIDEST_HELP,
      writeOut: (text) => {
        const width = terminalWidth()
        process.stdout.write(width === undefined ? text : wrapHelp(text, width))
      },
    })
  program.hook('preAction', (_program, command) => {
    run.failOn = command.getOptionValue('failOn') !== undefined
  })
  // A command's own modules alone, which is half of what a short one takes; to list or complete them, all.
  const [, , name = ''] = process.argv
  const wanted = name !== 'completion' && Object.hasOwn(COMMANDS, name) ? [name] : Object.keys(COMMANDS)
  for (const one of wanted) await COMMANDS[one]?.(program, run, version)
  return program.addHelpText('after', '\nExample:\n  $ qwen3guard check "How can I make a bomb?"')
}

/** Prints what went wrong, if anything, and returns the exit code. */
function report(error: unknown, run: Run): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
  if (error instanceof BrokenPipe) return run.failOn ? EXIT.error : EXIT.done
  if (error instanceof Interrupted) {
    say(error.message)
    return error.exitCode
  }
  const known = GuardError.isGuardError(error) || error instanceof InputError || isSystemError(error)
  if (known) say(`error: ${inFlags(error.message)} (${error.code})`)
  else if (error instanceof TypeError || error instanceof RangeError) say(`error: ${inFlags(error.message)}`)
  else process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  return EXIT.error
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error
}

/** A progress bar may stand in the line. */
function lineStart(): string {
  return process.stderr.isTTY ? '\r\x1b[K' : ''
}

async function main(): Promise<void> {
  const abort = new AbortController()
  // Once: a second Ctrl-C ends the process where it stands.
  for (const name of stopSignals()) process.once(name, () => abort.abort(new Interrupted(name)))
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    abort.abort(error.code === 'EPIPE' ? new BrokenPipe() : error)
  })
  // A log that nobody reads is no reason to stop judging.
  process.stderr.on('error', () => {})
  if (process.listenerCount('warning') > 0) {
    process.removeAllListeners('warning')
    process.on('warning', (warning) => {
      process.stderr.write(lineStart())
      say(`warning: ${inFlags(warning.message)}`)
    })
  }

  const run: Run = { signal: abort.signal, exitCode: EXIT.done, failOn: false }
  try {
    // Until the command has ended well: a process that runs out of work before that has failed.
    process.exitCode = EXIT.error
    const program = await createProgram(run)
    await program.parseAsync()
    process.exitCode = run.exitCode
  } catch (error) {
    // What an abort broke on its way is a consequence of it.
    process.exitCode = report(abort.signal.aborted ? abort.signal.reason : error, run)
  }
}

void main()
