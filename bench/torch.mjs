// PyTorch as a contender, where QWEN3GUARD_BENCH_PYTHON names a Python with torch and transformers: prefills and steps of
// the same shape in bf16, in a process of its own.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { LIMIT_MS, within } from './optional.mjs'

export class Torch {
  #child
  #lines
  #errors = ''
  /** Longest that it may take for an answer, in milliseconds. */
  limit
  peak = 0

  /** Null where no Python was named, and in a short form, whose shape is another. */
  static async start({ threads, short, limit = LIMIT_MS }) {
    const python = process.env.QWEN3GUARD_BENCH_PYTHON
    if (!python || short) return null
    const torch = new Torch()
    torch.limit = limit
    const script = fileURLToPath(new URL('./torch_rates.py', import.meta.url))
    torch.#child = spawn(python, [script, String(threads)], { stdio: ['pipe', 'pipe', 'pipe'] })
    torch.#child.on('error', (error) => {
      torch.#errors += error.message
    })
    torch.#child.stdin.on('error', () => {}) // its end says more
    torch.#child.stderr.on('data', (text) => {
      torch.#errors = (torch.#errors + text).slice(-2000)
    })
    torch.#lines = createInterface({ input: torch.#child.stdout })[Symbol.asyncIterator]()
    torch.version = (await torch.#answer()).ready
    return torch
  }

  /** Milliseconds of a prefill of so many tokens, and of a one-token step after it. */
  async rates(tokens, steps) {
    this.#child.stdin.write(`${JSON.stringify({ tokens, steps })}\n`)
    const { prefill, step, peak } = await this.#answer()
    this.peak = peak
    return { prefill, step }
  }

  async #answer() {
    try {
      const { value, done } = await within(this.limit, this.#lines.next())
      if (done) throw new Error(`it ended: ${this.#errors.trim().split('\n').at(-1)}`)
      return JSON.parse(value)
    } catch (error) {
      this.kill()
      throw error
    }
  }

  /** Ends it at once, whatever it does. */
  kill() {
    this.#child.kill('SIGKILL')
  }

  async stop() {
    this.#child.kill()
  }
}
