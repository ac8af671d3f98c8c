import { judge, type LoadedGuard } from '../batch/judge.js'
import { rowError } from '../batch/row-error.js'
import { isObject } from '../data/row.js'
import { toMessages } from '../input.js'
import type { Input } from '../types.js'
import type { QueueJob } from './bullmq.js'
import type { Equipment } from './chunk-work.js'
import type { LiveFirst } from './live-first.js'

/** The data of the job of a single check. */
export interface CheckJob {
  qwen3guardCheck: 1
  /** What must judge it; either, where there is none. */
  kind?: 'gen' | 'stream'
  input: Input
  /** When nobody waits for it any more, in milliseconds since 1970. */
  until: number
}

/** What the job of a single check returns. */
export type CheckDone =
  | { verdict: object }
  | { error: { code: string; message: string } }
  /** It came too late, and was not judged. */
  | { late: true }

/** Judges single checks. */
export class LiveWork {
  checks = 0
  readonly #equipment: Equipment
  readonly #live: LiveFirst

  constructor(equipment: Equipment, live: LiveFirst) {
    this.#equipment = equipment
    this.#live = live
  }

  async check(job: QueueJob): Promise<CheckDone> {
    const { data } = job
    if (!isObject(data) || data.qwen3guardCheck !== 1) {
      return {
        error: { code: 'ERR_INPUT', message: 'this is no check that this version of qwen3guard knows' },
      }
    }
    const { kind, input, until } = data as unknown as CheckJob
    const left = until - Date.now()
    if (left <= 0) return { late: true }
    const loaded = this.#guardFor(kind)
    if (!loaded) {
      const message = `the check needs a ${kind === 'stream' ? 'Stream' : 'Gen'} model, and the worker has none`
      return { error: { code: 'ERR_MODEL_KIND', message } }
    }
    const signal = AbortSignal.timeout(left)
    try {
      const messages = toMessages(input, ['user', 'assistant'])
      const fit = { tooLong: 'error', history: 'error' } as const
      const verdict = await this.#live.check(async () => await judge(loaded, messages, fit, signal))
      this.checks += 1
      return { verdict }
    } catch (error) {
      if (signal.aborted) return { late: true }
      const { code, message } = rowError(error, 0)
      return { error: { code, message } }
    }
  }

  #guardFor(kind: 'gen' | 'stream' | undefined): LoadedGuard | undefined {
    const { gen, stream } = this.#equipment
    if (kind !== undefined) return this.#equipment[kind]?.loaded
    return (gen ?? stream)?.loaded
  }
}
