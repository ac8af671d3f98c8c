/** One turn of a conversation. */
export interface Message {
  /** Who speaks. */
  role: 'system' | 'user' | 'assistant'
  /** Text, of any length that the context holds. */
  content: string
  /** Of an assistant: what a thinking model wrote before its answer, without its tags. */
  reasoning?: string
}

/**
 * A message as OpenAI's and the AI SDK's clients have it: content in parts, or none, of a developer or a tool. Its text
 * is taken; tool calls, their results and media are left out.
 */
export interface ForeignMessage {
  /** `'developer'` is a system message; `'tool'` is left out, as are items of the Responses API that are no messages. */
  role?: string | undefined
  /** A text, a list of parts, or null. */
  content?: unknown
}

/** What is judged: a string is one user message. */
export type Input = string | readonly (Message | ForeignMessage)[]

/** Back ends a model can run on. `'auto'` takes the best that can be used here; `false` is the CPU. */
export type Gpu = 'auto' | 'cuda' | 'metal' | 'vulkan' | false

/** Type of the KV cache's cells. `q8_0` halves the memory of `f16` and needs flash attention. */
export type KvType = 'f16' | 'q8_0' | 'f32'

/** Levels of llama.cpp's log, the most severe first. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

/** Options of `GenGuard.load` and `StreamGuard.load`. docs/options.md explains the defaults. */
export interface LoadOptions {
  /**
   * Path of a .gguf file, name of a model that was pulled, or `'demo'` (`'demo-gen'`, `'demo-stream'`): the demonstration
   * model, which protects nobody and is never taken unless it is named.
   */
  model: string
  /** Jinja chat template to use instead of the GGUF's own. */
  chatTemplate?: string
  /**
   * Back end. Default `'auto'`: a GPU if an addon for it is built or installed and the GPU passes its trial, else the CPU;
   * the guard's `device` says which and why. A named one is an error where it is missing (`AddonLoadError`,
   * ERR_BACKEND_MISSING) or cannot be used (`BackendError`, ERR_BACKEND_FAILED). `false` opens no GPU library.
   */
  gpu?: Gpu
  /** The GPU: its index among the back end's devices, ggml's name (`'CUDA1'`), or part of its description. Default: the first. */
  device?: number | string
  /** Layers on the GPU, the last ones, with their KV cache; the rest is on the CPU. Default: all. */
  gpuLayers?: number
  /**
   * Decode threads, 1 to 512. Default: the CPUs this process may use, less one for JS where there are more
   * than two; one for models of at most 50 M parameters (the demonstration models). More than these CPUs are brought
   * down to them, with a warning, unless QWEN3GUARD_THREADS_INSIST=1.
   */
  threads?: number
  /** Positions per sequence, at most the model's. Default: 4096 (Gen), 2048 (Stream), or the model's if it has fewer. */
  contextSize?: number
  /**
   * Sequences in one engine, 1 to 256. Default: 16 (Gen); 32 (Stream), or as many as fit in a quarter of the memory that is
   * available (of a GPU's), at least 8.
   */
  maxSequences?: number
  /** Requests that may wait for a sequence before `GuardBusyError`. Default 1024. */
  maxQueue?: number
  /** Default `'f16'`. */
  kvType?: KvType
  /**
   * Default `'auto'`: on an x86 CPU with AVX2 on for `kvType: 'f16'`, by a kernel of our own; else off on the
   * CPU, where llama.cpp's kernel is less exact (on for `kvType: 'q8_0'`, which needs it); llama.cpp's choice
   * on a GPU.
   */
  flashAttention?: 'auto' | boolean
  /**
   * Whether the numbers of a verdict must follow from the text alone, to the last bit, whatever is judged beside or was judged
   * before, and however a reply is cut. Where the kernels give that in any case (`determinism` is `'always'`) it costs
   * nothing; else each text is decoded by itself, and a reply token by token. Default false: numbers may differ in
   * their last digits from batch to batch (docs/accuracy.md).
   */
  deterministic?: boolean
  /** Called with 0 to 1 while weights are read. */
  onProgress?(fraction: number): void
  /** What `onLog` receives. Default `'error'`. */
  logLevel?: LogLevel
  /** Receives llama.cpp's log lines. Default: nothing is printed. */
  onLog?(level: LogLevel, message: string): void
  /** Aborts the load; the promise rejects with `signal.reason`. */
  signal?: AbortSignal
}

/**
 * Whether the numbers of a verdict follow from the text alone: `'always'` by the kernels that compute here, `'pinned'` by
 * `deterministic: true`, which decodes each text by itself, or `'off'`: last digits depend on what is judged beside.
 */
export type Determinism = 'always' | 'pinned' | 'off'

/** Where a guard computes. */
export interface GuardDevice {
  /** What computes. */
  backend: 'cpu' | 'cuda' | 'metal' | 'vulkan'
  /** The back end's name for the device, such as `CUDA0`; `CPU`. */
  name: string
  /** What the driver calls it, such as `NVIDIA H100 80GB HBM3`; null for the CPU. */
  description: string | null
  /** Layers of the model on the device, and in all. */
  layers: {
    /** On the device; on the CPU all of them. */
    device: number
    /** Of the model, the output layer not counted. */
    total: number
  }
  /** Why `gpu: 'auto'` came to the CPU, with the driver's reason where there is a GPU; null where it did not. */
  fallback: string | null
}

/** Counters of one engine. */
export interface GuardStats {
  /** Requests and openings that wait for a sequence. */
  queued: number
  /** Milliseconds that the first of them has waited; 0 where nobody waits. */
  longestWaitMs: number
  /** Sequences in use, pinned prefixes included. What is kept for conversations that may go on counts as free. */
  openSequences: number
  /** As loaded. */
  maxSequences: number
  /** KV cells (positions) in use; those that several sequences share count once. */
  cellsUsed: number
  /** KV cells (positions) that are free. */
  cellsFree: number
  /** Tokens decoded since load. */
  tokensDecoded: number
  /** Tokens a second over the time spent decoding since load; 0 before the first decode. */
  tokensPerSecond: number
  /** llama_decode calls since load. */
  ticks: number
  /** How long they took. */
  tickTimes: GuardTickTimes
  /** Milliseconds since the llama_decode call in hand began; 0 where there is none. One that hangs shows here. */
  decodingMs: number
  /**
   * Why nothing can be judged, or null: the engine has failed for good, or its last three decodes failed one after the
   * other. In the latter case it goes on trying, and a decode that succeeds ends it.
   */
  failure: string | null
}

/** Times of llama_decode calls since load, for a histogram. */
export interface GuardTickTimes {
  /** Ends of the classes, in milliseconds. */
  upToMs: number[]
  /** Calls of each class: above the end before and up to its own; the last one has no end. */
  counts: number[]
  /** Milliseconds of all together. */
  totalMs: number
}
