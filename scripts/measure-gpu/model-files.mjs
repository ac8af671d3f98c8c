// The model files of a run: made when first asked for, or ahead of it, one after another, and deleted when nothing
// that is still to come needs them.
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { demonstrationModel } from '../../bench/pad-model.mjs'
import { runPart } from './part-process.mjs'
import { fileBytes } from './shapes.mjs'

const LIMIT_MS = 180_000
/** Left free beside a file in a file system that is memory: a part's own memory, and pinned copies of weights. */
const SPARE = 6 * 2 ** 30
const SHARED_MEMORY = '/dev/shm'

export class ModelFiles {
  #folders = new Map()
  #made = new Map()
  #uses = new Map()
  #last = Promise.resolve()
  #bases

  constructor(work) {
    this.#bases = work ? [work] : [SHARED_MEMORY, os.tmpdir()]
  }

  /** Says that a file will be asked for once. `release` takes it back. */
  expect(spec) {
    this.#uses.set(name(spec), (this.#uses.get(name(spec)) ?? 0) + 1)
  }

  /** Path of a model file. */
  get(spec) {
    if (spec.kind === 'demo' && spec.type === 'q8_0') return Promise.resolve(demonstrationModel(spec.variant))
    const key = name(spec)
    let made = this.#made.get(key)
    if (!made) {
      made = this.#last.then(() => this.#make(key, spec))
      this.#made.set(key, made)
      this.#last = made.catch(() => {})
    }
    return made
  }

  /** Begins files that come later, where that disturbs nothing. */
  ahead(specs) {
    for (const spec of specs) this.get(spec).catch(() => {})
  }

  /** Until no file is being made. */
  async idle() {
    await this.#last
  }

  async #make(key, spec) {
    const target = path.join(this.#folder(spec), `${key}.gguf`)
    const { status, reason } = await runPart(
      new URL('./make-model.mjs', import.meta.url),
      { ...spec, target },
      { limitMs: LIMIT_MS },
    )
    if (status !== 'done') throw new Error(`${key} could not be made: ${reason}`)
    return target
  }

  #folder({ shape, type }) {
    const bytes = shape ? fileBytes(shape, type) : 2 ** 26
    for (const base of this.#bases) {
      if (!hasRoom(base, bytes)) continue
      let folder = this.#folders.get(base)
      if (!folder) {
        folder = mkdtempSync(path.join(base, 'qwen3guard-measure-'))
        this.#folders.set(base, folder)
      }
      return folder
    }
    throw new Error(
      `no room for ${(bytes / 1e9).toFixed(1)} GB in ${this.#bases.join(' or ')} (--work names a folder)`,
    )
  }

  /** Deletes what no later part needs. */
  async release(specs) {
    for (const spec of specs) {
      const key = name(spec)
      const left = (this.#uses.get(key) ?? 1) - 1
      this.#uses.set(key, left)
      const made = this.#made.get(key)
      if (left > 0 || !made) continue
      this.#made.delete(key)
      const file = await made.catch(() => null)
      if (file) rmSync(file, { force: true })
    }
  }

  close() {
    for (const folder of this.#folders.values()) rmSync(folder, { recursive: true, force: true })
    this.#folders.clear()
  }
}

const name = ({ kind, variant = 'stream', type, shape }) =>
  [kind, variant, shape?.name.toLowerCase(), type].filter(Boolean).join('-')

function hasRoom(base, bytes) {
  try {
    const { bavail, bsize } = statfsSync(base)
    const inMemory = base.startsWith(SHARED_MEMORY)
    // What a file takes there is not there for processes.
    if (inMemory && os.freemem() < bytes + SPARE) return false
    return bavail * bsize > bytes * 1.05
  } catch {
    return false
  }
}
