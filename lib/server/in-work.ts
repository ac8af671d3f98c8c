import type { Server, ServerResponse } from 'node:http'

/** The responses of a server that are not complete. */
export class InWork {
  readonly #responses = new Set<ServerResponse>()
  #onEnd: () => void = () => {}

  constructor(server: Server) {
    server.prependListener('request', (_, response) => {
      this.#responses.add(response)
      response.once('close', () => {
        this.#responses.delete(response)
        if (this.#responses.size === 0) this.#onEnd()
      })
    })
  }

  /** Resolves when there is none; at once where there is none now. */
  async ended(): Promise<void> {
    if (this.#responses.size === 0) return
    await new Promise<void>((resolve) => {
      this.#onEnd = resolve
    })
  }
}
