import type { Keys } from '../../options.js'
import type { ConvertType } from '../convert/tensor-type.js'

/** Options of `pullModel`. */
export interface PullOptions {
  /** Type of the weights in the GGUF. Default `q8_0`. Not for `hf:` names, whose file is taken as it is. */
  type?: ConvertType | undefined
  /** Removes the downloaded checkpoint from the cache, all its revisions, once it is converted. Default false. */
  deleteCheckpoint?: boolean | undefined
  /** Called as bytes arrive, are verified and converted. */
  onProgress?: ((progress: PullProgress) => void) | undefined
  /** Aborts: what has arrived is kept for the next pull, and the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
}

export const PULL_KEYS: Keys<PullOptions> = {
  type: true,
  deleteCheckpoint: true,
  onProgress: true,
  signal: true,
}

/** How far a pull is. */
export interface PullProgress {
  /** `wait`: another process pulls from the same repository. */
  stage: 'wait' | 'download' | 'verify' | 'convert'
  /** Bytes of all files that are done in this stage, what was there before included. */
  done: number
  /** Bytes of all files. */
  total: number
}
