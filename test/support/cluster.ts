import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { cli, type Finished, Running } from './cli.js'

const ODD = fileURLToPath(new URL('odd-worker.mjs', import.meta.url))

/** All that is written of a verdict of Gen but the model's name: numbers too, which do not depend on what is judged beside. */
export const FIELDS = ['--fields', 'severity,categories,refusal,text,scores,usage']

/** What is odd about a worker. */
export interface Oddness {
  /** What each row takes besides. */
  delayMs?: number
  /** A text that is never judged, and does not listen to its signal. */
  hanging?: string
  /** A text that ends the process that judges it. */
  poison?: string
}

/** The environment of an odd command line. */
export function oddly(odd: Oddness): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${ODD} ${process.env.NODE_OPTIONS ?? ''}`,
    QWEN3GUARD_TEST_ODD: JSON.stringify(odd),
  }
}

/** Rows of a file, and what a local run writes of them. */
export interface Sample {
  rows: string
  count: number
  local: string
}

/** Makes rows, every 53rd of which is none, and judges them here. */
export async function sample(
  directory: string,
  name: string,
  count: number,
  text = (id: number) => `How do I bake bread number ${id}?`,
): Promise<Sample> {
  const rows = path.join(directory, `${name}.jsonl`)
  const lines = Array.from({ length: count }, (_, id) =>
    id % 53 === 7 ? 'no json\n' : `${JSON.stringify({ id, prompt: text(id) })}\n`,
  )
  writeFileSync(rows, lines.join(''))
  const out = path.join(directory, `${name}-local.jsonl`)
  expect((await cli(['batch', rows, '--out', out, ...FIELDS])).code).toBe(1)
  return { rows, count, local: readFileSync(out, 'utf8') }
}

/** Workers and submitters of one queue, in processes of their own. */
export class Cluster {
  readonly #where: string[]
  readonly #queue: string[]
  readonly #running = new Set<Running>()

  /** @param more flags of submitters and workers, such as `--folder` */
  constructor(url: string, more: string[] = []) {
    this.#where = [url.startsWith('redis') ? '--redis' : '--postgres', url, ...more]
    this.#queue = ['--queue', url, ...more]
  }

  /** Starts a worker, and waits until it is there. */
  async worker(flags: string[] = [], odd: Oddness = { delayMs: 10 }, program?: string): Promise<Running> {
    const worker = this.startWorker(flags, odd, program)
    await worker.until('stderr', 'waits for work')
    return worker
  }

  startWorker(flags: string[] = [], odd: Oddness = { delayMs: 10 }, program?: string): Running {
    const env = oddly(odd)
    const words = ['worker', ...this.#where, '--threads', '1', '--lock', '1.5', '--grace', '1', ...flags]
    return this.#keep(new Running(words, program === undefined ? env : {}, program))
  }

  submit({ rows }: Sample, out: string, flags: string[] = [], queue = this.#queue): Running {
    const words = ['batch', rows, '--out', out, '--chunk-rows', '32', ...FIELDS, ...queue, ...flags]
    const running = new Running(words)
    running.child.stdin.end()
    return this.#keep(running)
  }

  #keep(running: Running): Running {
    this.#running.add(running)
    void running.finished.then(() => this.#running.delete(running))
    return running
  }

  /** Ends all that still runs. */
  async end(): Promise<void> {
    const ending = [...this.#running].map(async ({ child, finished }) => {
      child.kill('SIGKILL')
      await finished
    })
    await Promise.all(ending)
  }
}

/** The batch ended, and wrote what the local run wrote: every row once, in order. */
export function expectSame(
  { code, stderr }: Finished,
  out: string,
  { local, count }: Sample,
  what = '',
): void {
  expect(code, `${what}\n${stderr}`).toBe(1)
  const [lines, locals] = [readFileSync(out, 'utf8').split('\n'), local.split('\n')]
  const other = lines.findIndex((line, at) => line !== locals[at])
  expect([other, lines[other]], what).toEqual([-1, undefined])
  expect(lines).toHaveLength(locals.length)
  expect(stderr).toContain(`rows: ${count} (`)
}

/** Numbers that a seed says, from 0 up to 1. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
