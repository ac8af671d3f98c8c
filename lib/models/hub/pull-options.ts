import type { Keys } from '../../options.js'
import type { ConvertType } from '../convert/tensor-type.js'

export interface PullOptions {
  /** Type of the weights in the GGUF. Default `q8_0`. Not for `hf:` names, whose file is taken as it is. */
  type?: ConvertType | undefined
  /** Removes the downloaded checkpoint from the cache, all its revisions, once it is converted. Default false. */
  deleteCheckpoint?: boolean | undefined
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

export interface PullProgress {
  /** `wait`: another process pulls from the same repository. */
  stage: 'wait' | 'download' | 'verify' | 'convert'
  /** Bytes of all files, what was there before included. */
  done: number
  total: number
}
