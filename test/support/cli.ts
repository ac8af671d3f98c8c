import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

/** The built command line. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface Finished {
  /** null if a signal ended it. */
  code: number | null
  stdout: string
  stderr: string
}

/** A running command line; stdin stays open. */
export class Running {
  readonly child: ChildProcessWithoutNullStreams
  readonly finished: Promise<Finished>
  stdout = ''
  stderr = ''

  constructor(args: string[], env: Record<string, string> = {}, program = MAIN) {
    if (!existsSync(program)) throw new Error('dist/cli/main.js is missing: run `npm run build` first')
    this.child = spawn(process.execPath, [program, ...args], {
      env: { ...process.env, NO_COLOR: '', ...env },
    })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    // A command that ends without reading its input closes the pipe.
    this.child.stdin.on('error', () => {})
    this.finished = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }))
    })
  }

  /** Resolves when `stream` holds `text`; rejects if the process ends before. */
  async until(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    let ended = false
    this.finished.finally(() => (ended = true))
    while (!this[stream].includes(text)) {
      if (ended) throw new Error(`ended before ${JSON.stringify(text)} came: ${this.stdout}${this.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

/** Runs the built command line to its end, with `input` (default: nothing) on stdin. */
export async function cli(args: string[], input: string | Buffer = ''): Promise<Finished> {
  const running = new Running(args)
  running.child.stdin.end(input)
  return await running.finished
}

/** The values of stdout's lines, each of which must be JSON. */
export function jsonLines(stdout: string): unknown[] {
  expect(stdout.endsWith('\n')).toBe(true)
  return stdout
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}
