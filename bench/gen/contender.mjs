import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A contender in a child process. */
export class Contender {
  #child
  /** Largest resident set the process had, in bytes. */
  peak = 0

  /** `file` exports `open(options)`, which gives an object of jobs: async functions of one input. */
  static async start(file, options, env = {}) {
    const contender = new Contender()
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
      const [message] = await Promise.race([
        once(this.#child, 'message', { signal: ended.signal }),
        once(this.#child, 'exit', { signal: ended.signal }).then(([code]) => {
          throw new Error(`a contender ended with exit code ${code}`)
        }),
      ])
      if (message.error) throw new Error(message.error)
      return message
    } finally {
      ended.abort()
    }
  }

  async stop() {
    this.#child.disconnect()
    this.#child.kill()
    await once(this.#child, 'exit')
  }
}
