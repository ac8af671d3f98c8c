import { type ChildProcess, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { ownEnvironment } from '../binding/own-process.js'
import { BUNDLE_MENDING, dependencyPath } from '../binding/package-root.js'

/** Why a template gave no text. */
export class TemplateFailure extends Error {
  /** Whether it failed before it was rendered: it is no template, or the process could not be started. */
  readonly stage: 'start' | 'compile' | 'render'
  constructor(stage: TemplateFailure['stage'], message: string) {
    super(message)
    this.stage = stage
  }
}

/** Megabytes of V8's heap. */
const MEMORY = 64
/** Characters that a template may write beside what the messages hold. */
const MOST_WRITTEN = 1 << 20
/** Milliseconds a template may take, and those more for each so many characters and messages. */
const TIME = 1000
const UNITS_A_MS = 1000
const MESSAGES_A_MS = 4
/** Milliseconds in which a process starts even where it has to wait for the processor. */
const START_TIME = 20_000
/** Milliseconds without work after which the process ends. */
const IDLE_TIME = 30_000

// A thread would not do: V8 ends the whole process where one allocation is larger than a thread's limit.
const SCRIPT = `
const { Template } = require(process.argv[1])
let source, template
process.on('disconnect', () => process.exit())
process.on('message', (request) => {
  let stage = 'compile'
  try {
    if (request.source !== source) {
      template = new Template(request.source)
      source = request.source
    }
    stage = 'render'
    const text = template.render(request.context)
    if (text.length > request.most) throw new Error('it writes ' + text.length + ' characters')
    process.send({ text })
  } catch (error) {
    process.send({ stage, error: String(error && error.message).slice(0, 1000) })
  }
})
process.send({ ready: true })
`

interface Answer {
  ready?: true
  text?: string
  stage?: TemplateFailure['stage']
  error?: string
}

let worker: Worker | null = null
/** Ends with the latest request; they are answered one after the other. */
let queue: Promise<unknown> = Promise.resolve()

/**
 * Renders a Jinja template in a process of its own, with limits on time and memory: a template comes with a model
 * file, and may be written to take more of both than there is.
 *
 * @throws TemplateFailure
 */
export function renderApart(
  source: string,
  context: Record<string, unknown> & { messages: readonly { content: string }[] },
): Promise<string> {
  const { messages } = context
  const units = messages.reduce((sum, { content }) => sum + content.length, source.length)
  const request = { source, context, most: MOST_WRITTEN + 4 * units }
  const time = TIME + units / UNITS_A_MS + messages.length / MESSAGES_A_MS
  const answer = queue.then(async () => {
    worker ??= started()
    const { text, stage = 'render', error = 'it gave no text' } = await worker.ask(request, time)
    if (text === undefined) throw new TemplateFailure(stage, error)
    return text
  })
  queue = answer.catch(() => {})
  return answer
}

/** @throws TemplateFailure also where this process may start no other, as under Node's permission model */
function started(): Worker {
  try {
    return new Worker()
  } catch (error) {
    if (error instanceof TemplateFailure) throw error
    throw new TemplateFailure('start', `no process could be started for it: ${(error as Error).message}`)
  }
}

/** One process that renders. After a failure of its own it is gone, and the next request gets another. */
class Worker {
  readonly #child: ChildProcess
  readonly #ready: Promise<void>
  #settle: { answer(answer: Answer): void; fail(error: Error): void } | null = null
  #idle: NodeJS.Timeout | undefined
  readonly #onExit = () => this.#child.kill('SIGKILL')

  constructor() {
    const options = [`--max-old-space-size=${MEMORY}`, '--max-semi-space-size=8']
    this.#child = spawn(process.execPath, [...options, '-e', SCRIPT, jinjaPath()], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      windowsHide: true,
      cwd: tmpdir(),
      env: ownEnvironment(),
    })
    this.#child.unref()
    this.#child.channel?.unref()
    this.#child.on('message', (answer) => this.#settle?.answer(answer as Answer))
    this.#child.on('error', (cause) =>
      this.#end('start', `no process could be started for it: ${cause.message}`),
    )
    this.#child.on('exit', (code, signal) =>
      this.#end('render', `its process ended (${signal ?? code}): it takes more than ${MEMORY} MB of memory`),
    )
    process.on('exit', this.#onExit)
    this.#ready = this.#wait(START_TIME, 'start', `its process did not start within ${START_TIME} ms`).then(
      () => {},
    )
    this.#ready.catch(() => {})
  }

  async ask(request: object, time: number): Promise<Answer> {
    clearTimeout(this.#idle)
    try {
      await this.#ready
      const answer = this.#wait(time, 'render', `it takes more than ${Math.round(time)} ms`)
      this.#child.send(request, (error) => {
        if (error) this.#end('render', `its process takes no requests: ${error.message}`)
      })
      return await answer
    } finally {
      this.#idle = setTimeout(() => this.#end('render', 'it was idle'), IDLE_TIME).unref()
    }
  }

  #wait(time: number, stage: TemplateFailure['stage'], message: string): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      // In two parts: while this process is stopped or its loop is held, no answer can be read, and no time is counted after
      // the first. It also keeps the process that waits for it alive, which the channel does not.
      let timer = setTimeout(() => {
        timer = setTimeout(() => this.#end(stage, message), time / 2)
      }, time / 2)
      const settled = () => {
        clearTimeout(timer)
        this.#settle = null
      }
      this.#settle = {
        answer(answer) {
          settled()
          resolve(answer)
        },
        fail(error) {
          settled()
          reject(error)
        },
      }
    })
  }

  #end(stage: TemplateFailure['stage'], message: string): void {
    if (worker === this) worker = null
    clearTimeout(this.#idle)
    process.off('exit', this.#onExit)
    this.#child.kill('SIGKILL')
    this.#settle?.fail(new TemplateFailure(stage, message))
  }
}

/** @throws TemplateFailure where this package was bundled without the one that renders */
function jinjaPath(): string {
  try {
    return dependencyPath('@huggingface/jinja')
  } catch {
    throw new TemplateFailure('start', `@huggingface/jinja is not found. ${BUNDLE_MENDING}`)
  }
}
