import { type Command, InvalidArgumentError, Option } from 'commander'
import { InputError } from '../data/input-error.js'
import { GenGuard, StreamGuard } from '../index.js'
import type { LogLine, ServerOptions } from '../server/index.js'
import type { Run } from './exit.js'
import { addEngineOptions, type LoadFlags, readLoadOptions, withLoadProgress } from './load-options.js'
import { readPolicy } from './policy-file.js'
import { print } from './standard-streams.js'
import { readTextFile } from './text-file.js'

interface ServeFlags extends Omit<LoadFlags, 'model'> {
  gen?: string
  stream?: string
  host: string
  port: number
  upstream?: string
  keyFile?: string
  policy?: string
  holdBack?: number | 'token' | 'sentence'
  toolCalls?: 'judge' | 'pass' | 'block'
  media?: 'pass' | 'block'
  history: 'error' | 'drop'
  tooLong: 'error' | 'window'
  playground: boolean
  json?: boolean
}

/** Milliseconds that requests in work have to end when the server is told to. */
const DRAIN_MS = 20_000

const HELP = `
Without --gen and --stream both demonstration models are served, which protect nobody.

Keys that callers must send come from --key-file, one a line, and from QWEN3GUARD_KEYS, separated by commas; a host that others can
reach needs one. QWEN3GUARD_UPSTREAM_KEY is sent to the upstream; without it, and without keys of its own, the caller's is.

Example:
  $ qwen3guard serve --gen qwen3guard-gen-0.6b --stream qwen3guard-stream-0.6b --upstream https://api.openai.com/v1
  $ curl http://127.0.0.1:8080/v1/moderations -H 'content-type: application/json' -d '{"input": "How can I make a bomb?"}'`

export function addServe(program: Command, run: Run): void {
  const command = program
    .command('serve')
    .description('serve the guards over HTTP: moderations, a moderating proxy, gateways, a playground')
    .option('--gen <model>', 'a Gen model, for prompts and finished replies')
    .option('--stream <model>', 'a Stream model, for replies while they are written')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--port <n>', 'port to listen on; 0 takes a free one', port, 8080)
    .option('--upstream <url>', 'OpenAI-compatible API whose chat completions and responses are moderated')
    .option('--key-file <file>', 'keys that callers must send, one a line')
    .option('--policy <file>', 'JSON: what is done about verdicts')
    .option(
      '--hold-back <much>',
      'text kept back of replies: token, sentence or a number of tokens',
      holdBack,
    )
    .addOption(new Option('--tool-calls <how>', 'tool calls in replies').choices(['judge', 'pass', 'block']))
    .addOption(
      new Option('--media <how>', 'images and files, which no guard reads').choices(['pass', 'block']),
    )
    .addOption(
      new Option(
        '--history <how>',
        'of conversations over the context: an error, or the oldest turns are dropped',
      )
        .choices(['error', 'drop'])
        .default('error'),
    )
    .addOption(
      new Option('--too-long <how>', 'a text over the context: an error, or seen in windows')
        .choices(['error', 'window'])
        .default('error'),
    )
    .option('--no-playground', 'show no page at /')
    .option('--json', 'print the first line, and logs, as JSON')
    .addHelpText('after', HELP)
    .action((flags: ServeFlags) => serve(command, flags, run))
  addEngineOptions(command)
}

async function serve(command: Command, flags: ServeFlags, run: Run): Promise<void> {
  // Loaded here, since no other command needs a server.
  const [{ createApp }, { drain }, { isLoopback, LOOPBACK_HOSTS, listen }] = await Promise.all([
    import('../server/index.js'),
    import('../server/drain.js'),
    import('../server/listen.js'),
  ])
  const keys = await readKeys(flags.keyFile, run.signal)
  const local = isLoopback(flags.host)
  if (!local && keys.length === 0) {
    command.error(
      `error: ${flags.host} can be reached by others, who could use the models${flags.upstream ? ' and the upstream' : ''}: give --key-file or QWEN3GUARD_KEYS, or listen on 127.0.0.1`,
    )
  }
  const { upstream } = flags
  const upstreamKey = process.env.QWEN3GUARD_UPSTREAM_KEY
  const policy = flags.policy === undefined ? undefined : await readPolicy(flags.policy, run.signal)
  const guards = await startLoading(command, flags, run.signal)
  const { holdBack, toolCalls, media } = flags
  const options: ServerOptions = {
    ...guards.options,
    keys,
    // A name that a page on the web points at this machine is not ours.
    ...(local && keys.length === 0 && { hosts: [...LOOPBACK_HOSTS, flags.host] }),
    ...(policy !== undefined && { policy }),
    ...(upstream !== undefined && { upstream: { url: upstream, ...(upstreamKey && { key: upstreamKey }) } }),
    replies: {
      ...(holdBack !== undefined && { holdBack }),
      ...(toolCalls !== undefined && { toolCalls }),
      ...(media !== undefined && { media }),
    },
    history: flags.history,
    tooLong: flags.tooLong,
    playground: flags.playground,
    onLog: (line) => process.stderr.write(`${flags.json ? JSON.stringify(line) : logText(line)}\n`),
  }
  try {
    const app = createApp(options)
    const listening = await listen(app, flags)
    try {
      await guards.loaded
      await print(
        `${flags.json ? JSON.stringify({ url: listening.url, ...guards.names }) : listensText(listening.url, guards.names)}\n`,
      )
      await aborted(run.signal)
    } finally {
      await drain(listening, app, DRAIN_MS)
    }
  } finally {
    await guards.close()
  }
}

interface Guards {
  options: Pick<ServerOptions, 'gen' | 'stream' | 'models'>
  names: { gen?: string; stream?: string }
  /** Rejects if one cannot be loaded. */
  loaded: Promise<unknown>
  close(): Promise<void>
}

/** Loads the models, one after the other, while the server says that it does. */
async function startLoading(command: Command, flags: ServeFlags, signal: AbortSignal): Promise<Guards> {
  const isDemo = flags.gen === undefined && flags.stream === undefined
  const names = isDemo
    ? { gen: 'demo-gen', stream: 'demo-stream' }
    : {
        ...(flags.gen !== undefined && { gen: flags.gen }),
        ...(flags.stream !== undefined && { stream: flags.stream }),
      }
  if (flags.chatTemplate !== undefined && names.gen !== undefined && names.stream !== undefined) {
    command.error('error: --chat-template is of one model: give --gen or --stream alone')
  }
  const optionsOf = async (model: string, kind: 'demo-gen' | 'demo-stream') =>
    await readLoadOptions(command, { ...flags, model }, signal, kind)
  const genOptions = names.gen === undefined ? null : await optionsOf(names.gen, 'demo-gen')
  const streamOptions = names.stream === undefined ? null : await optionsOf(names.stream, 'demo-stream')
  const gen = genOptions && withLoadProgress(genOptions, (options) => GenGuard.load(options))
  const after = gen?.catch(() => {}) ?? Promise.resolve()
  const stream =
    streamOptions && after.then(() => withLoadProgress(streamOptions, (options) => StreamGuard.load(options)))
  const loading = [gen, stream].filter((guard) => guard !== null)
  return {
    options: {
      ...(gen && { gen }),
      ...(stream && { stream }),
      models: names,
    },
    names,
    loaded: Promise.all(loading),
    close: async () => {
      for (const guard of await Promise.allSettled(loading)) {
        if (guard.status === 'fulfilled') await guard.value.close()
      }
    },
  }
}

/** @throws InputError for a line that no header can hold */
async function readKeys(file: string | undefined, signal: AbortSignal): Promise<string[]> {
  const ofFile = file === undefined ? [] : (await readTextFile(file, signal)).split(/\r?\n/)
  const all = [...ofFile, ...(process.env.QWEN3GUARD_KEYS ?? '').split(',')].map((key) => key.trim())
  const keys = all.filter((key) => key !== '' && !key.startsWith('#'))
  if (file !== undefined && keys.length === 0) throw new InputError(`${file} has no key: expected one a line`)
  if (!keys.every((key) => /^[\x21-\x7e]+$/.test(key))) {
    throw new InputError('Expected keys of visible ASCII without spaces, one a line')
  }
  return keys
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function listensText(url: string, names: { gen?: string; stream?: string }): string {
  const models = Object.entries(names).map(([kind, name]) => `${kind} ${name}`)
  return `listening on ${url} (${models.join(', ')})`
}

function logText({ time, level, message, method, route, status, ms, request_id, error }: LogLine): string {
  const about = [
    method,
    route,
    status,
    ms === undefined ? undefined : `${ms.toFixed(1)} ms`,
    error,
    request_id,
  ]
  return `${time} ${level} ${message} ${about.filter((word) => word !== undefined).join(' ')}`
}

function port(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : -1
  if (value < 0 || value > 65_535) throw new InvalidArgumentError('Expected a port from 0 to 65535.')
  return value
}

function holdBack(text: string): number | 'token' | 'sentence' {
  if (text === 'token' || text === 'sentence') return text
  if (!/^\d+$/.test(text))
    throw new InvalidArgumentError("Expected 'token', 'sentence' or a number of tokens.")
  return Number(text)
}
