import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { within } from '../optional.mjs'

/** A contender in a child process. */
export class Contender {
  #child
  /** Longest that it may take for a job, in milliseconds; null: as long as it takes. */
  limit
  /** Largest resident set the process had, in bytes. */
  peak = 0

  /**
   * `file` exports `open(options)`, which gives an object of jobs: async functions of one input. With `limit` it is ended when it takes
   * longer than so many milliseconds to start or for a job.
   */
  static async start(file, options, env = {}, limit = null) {
    const contender = new Contender()
    contender.limit = limit
    contender.#child = fork(
      fileURLToPath(new URL('./child.mjs', import.meta.url)),
      [fileURLToPath(new URL(file, import.meta.url)), JSON.stringify(options)],
      { env: { ...process.env, NODE_NO_WARNINGS: '1', ...env } },
    )
    await contender.#answer()
    return contender
  }

  /** Milliseconds inside the process, and the job's result. */
  async run(job, input) {
    this.#child.send({ job, input })
    const { ms, result, peak } = await this.#answer()
    this.peak = peak
    return { ms, result }
  }

  async #answer() {
    const ended = new AbortController()
    try {
      const answer = Promise.race([
        once(this.#child, 'message', { signal: ended.signal }),
        once(this.#child, 'exit', { signal: ended.signal }).then(([code, signal]) => {
          throw new Error(`it ended ${signal ? `by ${signal}` : `with exit code ${code}`}`)
        }),
      ])
      const [message] = await (this.limit === null ? answer : within(this.limit, answer))
      if (message.error) throw new Error(message.error)
      return message
    } catch (error) {
      if (this.limit !== null) this.kill()
      throw error
    } finally {
      ended.abort()
    }
  }

  /** Ends it at once, whatever it does. */
  kill() {
    this.#child.kill('SIGKILL')
  }

  async stop() {
    this.#child.disconnect()
    this.#child.kill()
    await once(this.#child, 'exit')
  }
}
