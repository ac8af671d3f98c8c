/** The native surface, all of it. JS validates what it passes; native asserts. */
export interface NativeBinding {
  /** llama.cpp's release and the back ends this build has. */
  systemInfo(): NativeSystemInfo
  /**
   * The GPUs that this build's back ends find, asked off the JS thread. Starts their drivers: where no probe has used them
   * yet, only in a process that may end.
   */
  devices(): Promise<NativeDevice[]>
  /** What this CPU can execute and what this binary's kernels were compiled for, as /proc/cpuinfo spells it. */
  instructionSets(): { cpu: string[]; build: string[] }
  /** Whether weight matrices of this type are rearranged for this CPU's kernels, in memory of their own. */
  repacks(type: string): boolean
  /** Whether this binary computes flash attention over f16 cells on the CPU by a kernel of our own, which sums up in f32. */
  ownAttention(): boolean
  /**
   * Loads a model off the JS thread. `onProgress` returning is not awaited. `cancel` ends the reading at its next tensor;
   * the promise rejects with ERR_ABORTED then, unless the model was there by that time.
   */
  loadModel(options: NativeLoadOptions): { model: Promise<NativeModel>; cancel: () => void }
  /** Creates a context and its decode thread off the JS thread. */
  createEngine(
    model: NativeModel,
    options: NativeEngineOptions,
    onResults: (results: Int32Array, errors: NativeError[]) => void,
  ): Promise<NativeEngine>
  /**
   * Serialises a GGUF header with ggml's own writer: metadata and tensor infos, padded to the
   * alignment, ready to be followed by each tensor's bytes padded to 32.
   */
  ggufHeader(metadata: NativeGgufValue[], tensors: NativeTensorInfo[]): Uint8Array
  /** Converts whole rows of `rowLength` values between ggml types, off the JS thread. */
  encodeRows(
    source: Uint8Array,
    sourceType: GgmlType,
    targetType: GgmlType,
    rowLength: number,
  ): Promise<Uint8Array>
  /**
   * Looks a vocabulary up in its file, off the JS thread: each array's first problem, in the order tokens, types, merges.
   * Merges are looked at where the tokens are sound.
   */
  checkVocabulary(place: NativeVocabulary): Promise<NativeVocabularyProblem[]>
  /** Bytes of one row of `rowLength` values. Throws a RangeError if the type's blocks do not divide it. */
  rowBytes(type: GgmlType, rowLength: number): number
  /**
   * Products of matrices of every type by this build's kernels, beside plain C++, off the JS thread. Only for a process that
   * may end: so does one whose CPU lacks an instruction.
   */
  products(): Promise<NativeProductCheck[]>
  /** Sends llama.cpp's log lines of at least `level` to `sink`; one sink an environment. */
  setLog(
    level: 'error' | 'warn' | 'info' | 'debug',
    sink: ((level: string, text: string) => void) | null,
  ): void
}

/** ggml's names of tensor types, lower case, as `ggml_type_name` gives them. */
export type GgmlType =
  | 'f32'
  | 'f16'
  | 'bf16'
  | 'q8_0'
  | 'q6_K'
  | 'q5_K'
  | 'q4_K'
  | 'q4_0'
  | 'iq4_nl'
  | 'q5_0'
  | 'q5_1'
  | 'q4_1'
  | 'q2_K'
  | 'q3_K'

export type NativeGgufValue =
  | { key: string; type: 'string'; value: string }
  | { key: string; type: 'uint32' | 'float32' | 'uint64'; value: number }
  | { key: string; type: 'bool'; value: boolean }
  | { key: string; type: 'string[]'; value: string[] }
  | { key: string; type: 'int32[]'; value: Int32Array }

/** `shape` in ggml's order: the fastest-running dimension (row length) first. */
export interface NativeTensorInfo {
  name: string
  type: GgmlType
  shape: number[]
}

/** Where the elements of a metadata array lie in its file. */
export interface NativeArrayPlace {
  offset: number
  bytes: number
  count: number
}

export interface NativeVocabulary {
  path: string
  tokens: NativeArrayPlace
  types: NativeArrayPlace
  merges: NativeArrayPlace
  /** UTF-16 units of the longest token allowed. */
  longest: number
  /** Control and user-defined tokens allowed. */
  mostAdded: number
}

export interface NativeVocabularyProblem {
  array: 'tokens' | 'types' | 'merges'
  index: number
  /** `merge`: not two tokens with one space between that join to a third; `shorter`: the file is not what it was. */
  what:
    | 'empty'
    | 'not UTF-8'
    | 'zero byte'
    | 'twice'
    | 'too long'
    | 'type'
    | 'too many added'
    | 'merge'
    | 'shorter'
    | 'unreadable'
  /** The beginning of the element, of a string. */
  bytes: Uint8Array
  /** The token's type, of `type`. */
  type: number
}

export interface NativeProductCheck {
  type: GgmlType
  /** ggml's name of the layout that its kernels want: CPU, CPU_REPACK, AMX, or the name of one of our own kernels. */
  kernel: string
  /** Largest distance from plain C++, relative to the lengths of row and column; NaN where a product is not finite. */
  worst: number
}

export interface NativeSystemInfo {
  llamaCpp: string
  patch: string
  /** Hash of the native sources and of `patch`: two addons with the same belong together. */
  source: string
  /** Name of the flavour that it was compiled as; `native` for one made for the CPU of the machine that built it. */
  flavour: string
  backends: string[]
  cpuFeatures: string
}

export interface NativeDevice {
  backend: string
  name: string
  description: string
  freeBytes: number
  totalBytes: number
  /** Its memory is the machine's. */
  unified: boolean
}

export interface NativeLoadOptions {
  path: string
  /** ggml's name of a GPU; '' for the CPU. */
  device: string
  /** Layers on the GPU, the last ones, the output layer counting as one; -1: all. */
  gpuLayers: number
  /** Whether weights may be rearranged for this CPU's kernels. */
  repack: boolean
  /** Whether to use the file's pages instead of reading them. */
  mmap: boolean
  onProgress?: ((fraction: number) => void) | undefined
}

export interface NativeModel {
  readonly vocabSize: number
  readonly embeddingSize: number
  readonly layerCount: number
  readonly trainedContext: number
  readonly sizeBytes: number
  /** Logits a position of a model with guard heads, 0 for a plain model. Order: response risk, response category, query risk, query category. */
  readonly headOutputs: number
  /** Ids of text in which nothing is special. Fast enough for a delta; longer text goes to `tokenize`. */
  tokenizeSync(text: string): Int32Array
  /** The same for a few short texts. */
  tokenizeFew(texts: string[]): Int32Array[]
  /** The same for several texts, off the JS thread. */
  tokenize(texts: string[]): Promise<Int32Array[]>
  /** UTF-8 bytes each id stands for, indexed by id; 0 for control tokens. */
  tokenLengths(): Int32Array
  /** Text of ids; control tokens are left out; bytes that are not UTF-8 become U+FFFD. */
  detokenize(ids: Int32Array): string
  /** Added tokens: spelling, id, and whether the file marks them CONTROL. */
  addedTokens(): { text: string; id: number; control: boolean }[]
  /** Gives this share of the weights back, off the JS thread; the last share frees them. Idempotent. */
  close(): Promise<void>
}

export interface NativeStats {
  tokens: number
  ticks: number
  decodeMs: number
  pending: number
  /** Those that sequences hold, shared ones counted once, as the decode thread last left them. */
  cells: number
  /** Since the decode in hand began; 0 where there is none. */
  decodingMs: number
  /** Why it judges nothing; null where it does. */
  failure: string | null
  /** Ends of the classes of ticks by time, in milliseconds. */
  tickBounds: number[]
  /** Ticks in each class; one more than there are ends. */
  tickCounts: number[]
}

export interface NativeEngineOptions {
  /** KV cells of the whole context. */
  cells: number
  maxSequences: number
  /** true: sequences share one pool of cells and can share prefixes; false: each has its own. */
  unified: boolean
  batchSize: number
  ubatchSize: number
  /** Outputs (positions read) in one decode at most. */
  maxOutputs: number
  /** Tokens of prefills with which a decode takes up no other. */
  prefillTokens: number
  /** What sequences share leaves the cells while none of them is open and another is wanted (unified KV only). */
  offloads: boolean
  /**
   * Not 0: a decode takes up one request (split KV only), so many tokens of one with `WHOLE`, and so many of another.
   */
  aloneWhole: number
  aloneFollowing: number
  /** Positions of done sequences that are kept outside the cells at most. */
  keptCells: number
  threads: number
  /** Memory it takes in this process, of which V8 is told. */
  bytes: number
  kvType: 'f16' | 'q8_0' | 'f32'
  flashAttention: 'auto' | 'on' | 'off'
}

/** `NativeRequest.keep` of a request that says all that its sequence is to hold. */
export const WHOLE = -1

export interface NativeRequest {
  id: number
  sequence: number
  /**
   * Cells of `sequence` to keep before `tokens` are appended; the rest is dropped. With `WHOLE` the tokens are all that it is
   * to hold: what of them is there already, in the sequence, in what was kept, or in `shared`, is not computed again, up to
   * the first position that is read; the result's `cached` says how much that was.
   */
  keep: number
  /** With `WHOLE`: a sequence whose content the tokens may begin with (unified KV only); -1 for none. */
  shared: number
  tokens: Int32Array
  /** Ascending indices into `tokens` whose outputs are wanted. */
  read: Int32Array
  /** Vocabulary ids whose logits are wanted at each read position (models with an LM head). */
  named: Int32Array
  /** 0: a stream's tokens, decoded first; 1: a prefill, decoded in slices. */
  priority: 0 | 1
}

/** Why a request failed. */
export interface NativeError {
  code: string
  message: string
  /** Of the device whose memory ran out, or -1. */
  freeBytes: number
}

export interface NativeResult {
  id: number
  error?: NativeError
  /** Guard heads: read positions x headOutputs logits. */
  heads?: Float32Array
  /** LM head, one entry a read position: the greedy token, the logit lead over the runner-up. */
  greedy?: Int32Array
  margin?: Float32Array
  /** Read positions x named.length logits. */
  named?: Float32Array
  /** With `WHOLE`: tokens that did not have to be computed. */
  cached?: number
  /** llama_decode calls this request took part in, and their wall time. */
  passes: number
  ms: number
}

export interface NativeEngine {
  /** Hands requests over together, packed (`RequestPacker`): one decode takes up as many of them as it has room for. */
  submit(requests: Int32Array): void
  /** Drops a request that has not been decoded yet; its result says ERR_ABORTED either way. */
  cancel(id: number): void
  /** Empties a sequence's cells, after the requests already submitted for it. */
  release(sequence: number): void
  /**
   * Empties a sequence's cells as well, but keeps what its first `length` positions held, in memory outside the cells, where
   * attention does not visit it: for requests with `WHOLE` that begin alike. Where there is no room or no memory it is not kept.
   */
  keep(sequence: number, length: number): void
  stats(): NativeStats
  /** Stops the thread after the tick in hand and frees the context; requests not done fail with ERR_CLOSED. Idempotent. */
  close(): Promise<void>
}
