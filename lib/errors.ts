/** Every `code` a {@link GuardError} can carry. docs/errors.md lists what to do about each. */
export type GuardErrorCode =
  | 'ERR_ADDON_LOAD'
  | 'ERR_BACKEND_MISSING'
  | 'ERR_BACKEND_FAILED'
  | 'ERR_MODEL_NOT_FOUND'
  | 'ERR_MODEL_INVALID'
  | 'ERR_MODEL_LOAD'
  | 'ERR_MODEL_HASH'
  | 'ERR_MODEL_KIND'
  | 'ERR_CHECKPOINT_INVALID'
  | 'ERR_TEMPLATE'
  | 'ERR_GEN_FORMAT'
  | 'ERR_TOO_LONG'
  | 'ERR_BUSY'
  | 'ERR_CLOSED'
  | 'ERR_BLOCKED'
  | 'ERR_UNKNOWN_CHUNK'
  | 'ERR_DECODE'
  | 'ERR_MEMORY'
  | 'ERR_DOWNLOAD'
  | 'ERR_DOWNLOAD_REFUSED'
  | 'ERR_DISK_SPACE'
  | 'ERR_QUEUE_PACKAGE'
  | 'ERR_BATCH_LOST'
  | 'ERR_BATCH_FAILED'
  | 'ERR_WORKER_LOST'
  | 'ERR_ROW_TIMEOUT'
  | 'ERR_UNAVAILABLE'

const BRAND = Symbol.for('qwen3guard.error')

/**
 * Base of every error this package throws on its own account. Wrong arguments are `TypeError` or
 * `RangeError`; an abort rejects with `signal.reason`.
 */
export class GuardError extends Error {
  /** What went wrong, for programs: it stays the same where a message is reworded. */
  readonly code: GuardErrorCode

  constructor(code: GuardErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** True for errors of any copy of this package in the process. */
  static isGuardError(value: unknown): value is GuardError {
    return typeof value === 'object' && value !== null && BRAND in value
  }
}
Object.defineProperty(GuardError.prototype, 'name', { value: 'GuardError' })
Object.defineProperty(GuardError.prototype, BRAND, { value: true })

function named(type: { prototype: Error }, name: string): void {
  Object.defineProperty(type.prototype, 'name', { value: name })
}

/** The native addon could not be loaded, or lacks the back end asked for. */
export class AddonLoadError extends GuardError {
  constructor(
    message: string,
    options?: ErrorOptions,
    code: 'ERR_ADDON_LOAD' | 'ERR_BACKEND_MISSING' = 'ERR_ADDON_LOAD',
  ) {
    super(code, message, options)
  }
}
named(AddonLoadError, 'AddonLoadError')

/**
 * A GPU's back end is here and cannot be used: no device, a broken driver, or a device that was lost while it decoded.
 * The message holds the driver's reason. A device that was lost stays lost to this process.
 */
export class BackendError extends GuardError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_BACKEND_FAILED', message, options)
  }
}
named(BackendError, 'BackendError')

/** A model file or checkpoint is missing, broken or refused. */
export class ModelFileError extends GuardError {
  constructor(
    message: string,
    options?: ErrorOptions,
    code:
      | 'ERR_MODEL_NOT_FOUND'
      | 'ERR_MODEL_INVALID'
      | 'ERR_MODEL_LOAD'
      | 'ERR_MODEL_HASH'
      | 'ERR_CHECKPOINT_INVALID' = 'ERR_MODEL_INVALID',
  ) {
    super(code, message, options)
  }
}
named(ModelFileError, 'ModelFileError')

/** A sound model file of another variant or architecture than the one asked for. */
export class ModelKindError extends GuardError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_MODEL_KIND', message, options)
  }
}
named(ModelKindError, 'ModelKindError')

/** The chat template is missing, does not render, or is not one of Qwen3Guard's. */
export class TemplateError extends GuardError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_TEMPLATE', message, options)
  }
}
named(TemplateError, 'TemplateError')

/** Gen's answer does not follow its grammar. Treat the text as not judged, never as safe. */
export class GenFormatError extends GuardError {
  /** What the model wrote. */
  readonly text: string
  constructor(message: string, text: string, options?: ErrorOptions) {
    super('ERR_GEN_FORMAT', message, options)
    this.text = text
  }
}
named(GenFormatError, 'GenFormatError')

/** The text has more tokens than the context holds. */
export class TooLongError extends GuardError {
  /** Tokens the text has; of one that is far too long, those it has at least. */
  readonly tokens: number
  /** Tokens the context holds. */
  readonly limit: number
  constructor(
    tokens: number,
    limit: number,
    what = 'the text',
    atLeast = false,
    mending = 'shorten it or load with a larger contextSize',
  ) {
    super(
      'ERR_TOO_LONG',
      `${what} has ${atLeast ? 'at least ' : ''}${tokens} tokens, the context holds ${limit}: ${mending}`,
    )
    this.tokens = tokens
    this.limit = limit
  }
}
named(TooLongError, 'TooLongError')

/** The queue is full. Nothing was judged: try again after `retryAfterMs`. */
export class GuardBusyError extends GuardError {
  /** Milliseconds after which to try again: an estimate. */
  readonly retryAfterMs: number
  constructor(message: string, retryAfterMs: number) {
    super('ERR_BUSY', message)
    this.retryAfterMs = retryAfterMs
  }
}
named(GuardBusyError, 'GuardBusyError')

/** The guard, engine or moderation was closed. */
export class GuardClosedError extends GuardError {
  constructor(message: string) {
    super('ERR_CLOSED', message)
  }
}
named(GuardClosedError, 'GuardClosedError')

/**
 * A stream adapter met a kind of chunk that it does not know, and so cannot say what of it is text. Nothing of the
 * chunk was released, and nothing after it is.
 */
export class UnknownChunkError extends GuardError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_UNKNOWN_CHUNK', message, options)
  }
}
named(UnknownChunkError, 'UnknownChunkError')

/** A decode failed or gave numbers that are not finite. Nothing was judged. */
export class DecodeError extends GuardError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_DECODE', message, options)
  }
}
named(DecodeError, 'DecodeError')

/** The model, its KV cache and its buffers do not fit into the memory this process may use. */
export class MemoryError extends GuardError {
  /** Bytes that are needed, an estimate; null where nobody knows. */
  readonly neededBytes: number | null
  /** Bytes that there are, within the cgroup's limit, or on the device. */
  readonly availableBytes: number
  constructor(neededBytes: number | null, availableBytes: number, message: string, options?: ErrorOptions) {
    super('ERR_MEMORY', message, options)
    this.neededBytes = neededBytes
    this.availableBytes = availableBytes
  }
}
named(MemoryError, 'MemoryError')

/** A model could not be downloaded. What has arrived is kept, and the next try goes on from there. */
export class DownloadError extends GuardError {
  /** The server's HTTP status; `null` where it gave none. */
  readonly status: number | null
  constructor(
    message: string,
    status: number | null,
    options?: ErrorOptions,
    code: 'ERR_DOWNLOAD' | 'ERR_DOWNLOAD_REFUSED' = 'ERR_DOWNLOAD',
  ) {
    super(code, message, options)
    this.status = status
  }
}
named(DownloadError, 'DownloadError')

/** A disk has less room than a download and its conversion need, or was full before a file was written to its end. */
export class DiskSpaceError extends GuardError {
  /** Bytes that are needed on the disk; null where a write met its end, which does not say. */
  readonly neededBytes: number | null
  /** Bytes that are free there. */
  readonly availableBytes: number
  constructor(neededBytes: number | null, availableBytes: number, message: string, options?: ErrorOptions) {
    super('ERR_DISK_SPACE', message, options)
    this.neededBytes = neededBytes
    this.availableBytes = availableBytes
  }
}
named(DiskSpaceError, 'DiskSpaceError')

/** A batch in a queue cannot go on: what it needs is not installed, the queue has lost it, or it failed in every worker. */
export class QueueError extends GuardError {
  constructor(
    message: string,
    code: 'ERR_QUEUE_PACKAGE' | 'ERR_BATCH_LOST' | 'ERR_BATCH_FAILED' | 'ERR_WORKER_LOST',
    options?: ErrorOptions,
  ) {
    super(code, message, options)
  }
}
named(QueueError, 'QueueError')

/** A row of a batch took longer than it may. It is not judged: never treat it as safe. */
export class RowTimeoutError extends GuardError {
  /** @param ms what it may take */
  constructor(ms: number) {
    super('ERR_ROW_TIMEOUT', `this row had no verdict after ${ms / 1000} s: it was given up (--row-timeout)`)
  }
}
named(RowTimeoutError, 'RowTimeoutError')

/** No worker or server of a pool could judge in time. The text is not judged: never treat it as safe. */
export class GuardUnavailableError extends GuardError {
  /** Milliseconds after which it is worth trying again. */
  readonly retryAfterMs: number
  constructor(message: string, retryAfterMs: number, options?: ErrorOptions) {
    super('ERR_UNAVAILABLE', message, options)
    this.retryAfterMs = retryAfterMs
  }
}
named(GuardUnavailableError, 'GuardUnavailableError')
