import { ARCHITECTURE, KEYS, SCHEMA_VERSION, scalarAt, statedSizes } from '../metadata.js'
import type { Qwen3Sizes } from '../qwen3-tensors.js'
import type { GgufFile, GgufValue } from '../reader.js'
import { partsOf, SPLIT_KEYS } from '../split.js'

/** Parts of a name, in any case, by which llama.cpp strips text around special tokens or refuses the vocabulary. */
const OTHER_MODELS = /phi-?3|modern-bert/i

/** Receives one defect: what, what was expected, what came. */
export type Report = (problem: string) => void

/** A key's type and, for numbers, its least and greatest value. */
interface Rule {
  type: string
  required?: boolean
  from?: number
  to?: number
  oneOf?: readonly unknown[]
}

/** The greatest sizes a model may state, each far above the 8B model. `layers`: LLAMA_MAX_LAYERS, which is asserted. */
export const MOST = {
  vocab: 1 << 21,
  context: 1 << 24,
  embedding: 1 << 16,
  layers: 512,
  feedForward: 1 << 20,
  heads: 1024,
  headSize: 1024,
} as const

const uint32 = (from: number, to: number, required = true): Rule => ({ type: 'uint32', from, to, required })

/**
 * All `qwen3.*` keys a Qwen3Guard model has. The bounds keep llama.cpp's 32-bit arithmetic from
 * overflowing and its fixed arrays from being exceeded; each is far above the 8B model.
 */
const ARCHITECTURE_KEYS: Readonly<Record<string, Rule>> = {
  vocab_size: uint32(1, MOST.vocab, false),
  context_length: uint32(1, MOST.context),
  embedding_length: uint32(1, MOST.embedding),
  block_count: uint32(1, MOST.layers),
  feed_forward_length: uint32(1, MOST.feedForward),
  'attention.head_count': uint32(1, MOST.heads),
  'attention.head_count_kv': uint32(1, MOST.heads, false),
  'attention.key_length': uint32(2, MOST.headSize, false),
  'attention.value_length': uint32(2, MOST.headSize, false),
  'attention.layer_norm_rms_epsilon': { type: 'float32', required: true, from: 1e-12, to: 0.1 },
  'rope.freq_base': { type: 'float32', from: 1, to: 1e12 },
  'rope.dimension_count': uint32(2, MOST.headSize, false),
  'rope.scaling.type': { type: 'string', oneOf: ['none'] },
  'attention.causal': { type: 'bool', oneOf: [true] },
}

/** Other keys that llama.cpp or this package reads, with the type each reads them as. */
const OTHER_KEYS: Readonly<Record<string, Rule>> = {
  'general.architecture': { type: 'string', required: true },
  'general.name': { type: 'string' },
  'general.type': { type: 'string' },
  /** llama.cpp makes an enumerator of it, of which 1024 is the greatest. */
  'general.file_type': uint32(0, 1023, false),
  'general.quantization_version': { type: 'uint32', oneOf: [2] },
  'tokenizer.chat_template': { type: 'string' },
  [KEYS.variant]: { type: 'string', oneOf: ['gen', 'stream'] },
  [KEYS.demonstration]: { type: 'bool' },
  [KEYS.headSize]: uint32(1, 1 << 16, false),
}

/**
 * Checks the metadata keys, the tokenizer's and the labels excepted.
 *
 * @returns the sizes they state, or null if they are not sound
 */
export function checkKeys(file: GgufFile, report: Report): Qwen3Sizes | null {
  let sound = true
  const check = (key: string, rule: Rule) => {
    const problem = brokenRule(file.metadata.get(key), rule)
    if (!problem) return
    sound = false
    report(`metadata key ${key} ${problem}`)
  }
  for (const [name, rule] of Object.entries(ARCHITECTURE_KEYS)) check(`${ARCHITECTURE}.${name}`, rule)
  for (const [key, rule] of Object.entries(OTHER_KEYS)) check(key, rule)
  checkSchemaVersion(file, report)
  const name = scalarAt(file, 'general.name', 'string') ?? ''
  if (OTHER_MODELS.test(name)) {
    report(
      `metadata key general.name is ${JSON.stringify(name)}, by which llama.cpp takes its tokens for another model's`,
    )
  }
  for (const key of file.metadata.keys()) {
    const own = key.startsWith(`${ARCHITECTURE}.`) ? key.slice(ARCHITECTURE.length + 1) : null
    // llama.cpp reads some 150 such keys for any architecture, from expert counts to sliding windows.
    if (own !== null && !Object.hasOwn(ARCHITECTURE_KEYS, own)) {
      report(
        `metadata key ${key} is there, but no Qwen3Guard model has it: it would change how the model runs`,
      )
    }
    const split = Object.hasOwn(SPLIT_KEYS, key) ? SPLIT_KEYS[key] : undefined
    const type = file.metadata.get(key)?.type
    if (split !== undefined && type !== split) {
      report(`metadata key ${key} is ${type === 'array' ? 'an array' : `a ${type}`}, expected a ${split}`)
    }
  }
  if (partsOf(file) > 1) {
    report(
      'metadata key split.count marks one part of a split model, expected a whole one: give the first part, with the others beside it, to a command that loads it, or merge them with llama-gguf-split --merge',
    )
  }
  return sound && soundSizes(file, report) ? statedSizes(file) : null
}

function brokenRule(value: GgufValue | undefined, rule: Rule): string | null {
  if (value === undefined) return rule.required ? `is missing, expected a ${rule.type}` : null
  if (value.type !== rule.type) {
    const came = value.type === 'array' ? `an array of ${value.of}` : `a ${value.type}`
    return `is ${came}, expected a ${rule.type}`
  }
  const came = value.type === 'array' ? null : value.value
  if (rule.oneOf && !rule.oneOf.includes(came)) {
    return `is ${JSON.stringify(came)}, expected ${rule.oneOf.map((one) => JSON.stringify(one)).join(' or ')}`
  }
  const { from, to } = rule
  if (typeof came === 'number' && from !== undefined && to !== undefined && !(came >= from && came <= to)) {
    return `is ${came}, expected ${from} to ${to}`
  }
  // llama.cpp would read no further than a zero byte, and compare less than was compared here.
  if (typeof came === 'string' && came.includes('\0')) return 'holds a zero byte'
  return null
}

function checkSchemaVersion(file: GgufFile, report: Report): void {
  const value = file.metadata.get(KEYS.schemaVersion)
  if (!value) {
    if (file.metadata.has(KEYS.variant))
      report(`metadata key ${KEYS.schemaVersion} is missing, expected ${SCHEMA_VERSION}`)
    return
  }
  if (value.type === 'uint32' && value.value === SCHEMA_VERSION) return
  const came = value.type === 'array' ? 'an array' : String(value.value)
  report(
    `metadata key ${KEYS.schemaVersion} is ${came}, expected ${SCHEMA_VERSION}: update this package if the file is newer`,
  )
}

function soundSizes(file: GgufFile, report: Report): boolean {
  const { heads, headsKv, headSize } = statedSizes(file)
  let sound = true
  const refuse = (problem: string) => {
    sound = false
    report(problem)
  }
  const stated = (key: string) => {
    const value = file.metadata.get(`${ARCHITECTURE}.${key}`)
    return value && value.type !== 'array' ? value.value : null
  }
  if (heads % headsKv !== 0) {
    refuse(
      `${ARCHITECTURE}.attention.head_count is ${heads}, expected a multiple of head_count_kv, ${headsKv}`,
    )
  }
  if (headSize % 2 !== 0)
    refuse(`${ARCHITECTURE}.attention.key_length is ${headSize}, expected an even number`)
  for (const key of ['attention.value_length', 'rope.dimension_count']) {
    const came = stated(key)
    if (came !== null && came !== headSize) {
      refuse(`${ARCHITECTURE}.${key} is ${came}, expected attention.key_length, ${headSize}`)
    }
  }
  // llama.cpp derives the value length from the embedding where it is not stated.
  if (stated('attention.value_length') === null && statedSizes(file).embedding !== heads * headSize) {
    refuse(`metadata key ${ARCHITECTURE}.attention.value_length is missing, expected ${headSize}`)
  }
  return sound
}
