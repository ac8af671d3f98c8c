import { once } from 'node:events'
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { finished } from 'node:stream/promises'
import type { RowError } from '../batch/row-error.js'
import { naming, writeError } from '../full-disk.js'
import { removeTree } from '../held-files.js'
import type { Part, Reduced } from './comparison.js'

/** A row as one model judged it. */
export type Outcome = { line: number } & ({ reduced: Reduced } | { error: RowError })

type Stored = NonNullable<Reduced[Part]>

/** Outcomes on disk, in order: those of a first model wait there for the second's, however many rows there are. */
export class OutcomeFile {
  readonly #directory: string
  readonly #path: string
  readonly #out: WriteStream
  count = 0

  private constructor(directory: string) {
    this.#directory = directory
    this.#path = join(directory, 'outcomes.jsonl')
    this.#out = createWriteStream(this.#path)
    // Told by the write that fails.
    this.#out.on('error', () => {})
  }

  static async create(): Promise<OutcomeFile> {
    return new OutcomeFile(await mkdtemp(join(tmpdir(), 'qwen3guard-compare-')))
  }

  /** @throws DiskSpaceError, or the disk's error */
  async add(outcome: Outcome): Promise<void> {
    const json = JSON.stringify(outcome, (_key, value: unknown) =>
      value instanceof Uint8Array || value instanceof Float64Array ? Array.from(value) : value,
    )
    this.count += 1
    if (this.#out.errored) throw await writeError(this.#path, this.#out.errored)
    // Rejects when the stream fails.
    if (!this.#out.write(`${json}\n`)) await naming(this.#path, () => once(this.#out, 'drain'))
  }

  async *read(): AsyncGenerator<Outcome, void, undefined> {
    this.#out.end()
    await naming(this.#path, () => finished(this.#out))
    const lines = createInterface({
      input: createReadStream(this.#path),
      crlfDelay: Number.POSITIVE_INFINITY,
    })
    for await (const line of lines) yield revived(JSON.parse(line) as Outcome)
  }

  async remove(): Promise<void> {
    this.#out.destroy()
    await removeTree(this.#directory)
  }
}

function revived(outcome: Outcome): Outcome {
  if ('error' in outcome) return outcome
  const reduced: Reduced = {}
  for (const [part, verdicts] of Object.entries(outcome.reduced) as [Part, Stored][]) {
    const { risks, probabilities } = verdicts
    reduced[part] = {
      ...verdicts,
      risks: Uint8Array.from(risks),
      probabilities: probabilities && Float64Array.from(probabilities),
    }
  }
  return { line: outcome.line, reduced }
}
