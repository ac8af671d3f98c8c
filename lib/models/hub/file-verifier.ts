import { stat } from 'node:fs/promises'
import { ModelFileError } from '../../errors.js'
import { type InstalledModel, recordPath } from '../installed.js'
import { hashFile } from './file-hash.js'
import type { HubFile } from './hub.js'
import type { PullOptions } from './pull-options.js'

interface Expectation {
  sha256: string
  /** Where it comes from, and what to do about another one. */
  source: string
  remedy: string
}

/**
 * Compares a repository's files with every hash there is: the catalog's pins, what was recorded when a model
 * was first pulled, and what the hub says. None of them may disagree.
 */
export class FileVerifier {
  /** What was verified, by path in the repository. */
  readonly verified: InstalledModel['files'] = {}
  readonly #repository: string
  readonly #options: PullOptions
  readonly #expected = new Map<string, Expectation[]>()
  #done = 0
  #total = 0

  constructor(repository: string, options: PullOptions) {
    this.#repository = repository
    this.#options = options
  }

  /** Begins the progress anew: `total` bytes are about to be read. */
  start(total: number): void {
    this.#done = 0
    this.#total = total
  }

  /** Expects the hash that the catalog pins. */
  pin(file: string, sha256: string): void {
    this.#expect(file, {
      sha256,
      source: 'which this package pins',
      remedy: 'Do not use the file; if it stays so, report it',
    })
  }

  /** Expects the hashes that were recorded when `model` was pulled from the same commit. */
  expectRecorded(model: InstalledModel): void {
    const record = recordPath(model.name)
    for (const [file, { sha256 }] of Object.entries(model.files)) {
      this.#expect(file, {
        sha256,
        source: `which was recorded when ${model.name} was pulled`,
        remedy: `If you know why and trust it, delete ${record} and pull again`,
      })
    }
  }

  /** Refuses a file that the hub itself says is another one, before it is downloaded. */
  compareWithHub(file: HubFile): void {
    if (file.hash.kind === 'sha256') this.#compare(file.path, file.hash.hex)
  }

  /** Verifies a whole file at `at` and notes its hash. */
  async check(file: HubFile, at: string): Promise<void> {
    const { bytes, sha256 } = await this.hash(at)
    this.#compare(file.path, sha256)
    const { kind, hex } = file.hash
    const came = kind === 'sha256' ? sha256 : await hashFile(at, kind, { signal: this.#options.signal })
    if (came !== hex) {
      const remedy = `It was damaged on the way or on the disk: ${at} is of no use; pull again, and if it stays so, delete it`
      throw mismatch(`${file.path} of ${this.#repository}`, kind, came, hex, 'which the hub promises', remedy)
    }
    this.verified[file.path] = { bytes, sha256 }
  }

  /** Size and sha256 of a file, with progress. */
  async hash(at: string): Promise<{ bytes: number; sha256: string }> {
    const { onProgress, signal } = this.#options
    const onRead = (bytes: number) => {
      this.#done += bytes
      if (this.#done <= this.#total) onProgress?.({ stage: 'verify', done: this.#done, total: this.#total })
    }
    return { bytes: (await stat(at)).size, sha256: await hashFile(at, 'sha256', { onRead, signal }) }
  }

  #expect(file: string, expectation: Expectation): void {
    this.#expected.set(file, [...(this.#expected.get(file) ?? []), expectation])
  }

  #compare(file: string, came: string): void {
    for (const { sha256, source, remedy } of this.#expected.get(file) ?? []) {
      if (came !== sha256)
        throw mismatch(`${file} of ${this.#repository}`, 'sha256', came, sha256, source, remedy)
    }
  }
}

function mismatch(
  what: string,
  kind: string,
  came: string,
  expected: string,
  source: string,
  remedy: string,
): ModelFileError {
  return new ModelFileError(
    `${what} has the ${kind} ${came}, expected ${expected}, ${source}. ${remedy}`,
    undefined,
    'ERR_MODEL_HASH',
  )
}
