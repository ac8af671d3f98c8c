import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { NativeGgufValue } from '../../binding/binding.js'
import { isObject, objectAt } from '../json.js'
import { tokenId } from './config.js'
import { brokenCheckpoint, readJson, readOptionalJson, withoutMark } from './json-file.js'

/** llama.cpp's token types. Its `parse_special = false` passes over CONTROL, but not over USER_DEFINED. */
const NORMAL = 1
const CONTROL = 3
const UNUSED = 5

/** The pre-tokenizer that llama.cpp has under the name `qwen2`. */
const QWEN2_SPLIT =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/** Qwen3Guard's templates have some thousands. */
const MOST_TEMPLATE_BYTES = 1 << 20

/** Tokenizer and template of a checkpoint as GGUF metadata. */
export interface CheckpointTokenizer {
  metadata: NativeGgufValue[]
  notes: string[]
}

/**
 * Reads tokenizer.json, tokenizer_config.json, chat_template.jinja and generation_config.json.
 *
 * All added tokens become CONTROL, those that Qwen3 does not call special (`<think>`, `<tool_call>`, …)
 * too: content that spells one must stay text.
 *
 * @param vocab rows of the embedding; ids the tokenizer does not use become unused tokens
 * @param fallback ids from config.json
 * @throws ModelFileError ERR_CHECKPOINT_INVALID
 */
export async function readTokenizer(
  directory: string,
  vocab: number,
  fallback: { eosTokenId: number | null; padTokenId: number | null },
): Promise<CheckpointTokenizer> {
  const path = join(directory, 'tokenizer.json')
  const tokenizer = await readJson(path)
  const refuse = (what: string): never => {
    throw brokenCheckpoint(`${path}: ${what}`)
  }
  const model = objectAt(tokenizer, 'model')
  const vocabulary = objectAt(model, 'vocab')
  if (
    !isObject(tokenizer) ||
    !model ||
    !vocabulary ||
    (model.type ?? 'BPE') !== 'BPE' ||
    model.ignore_merges === true
  ) {
    return refuse("the model is not a BPE with merges, expected Qwen3's tokenizer")
  }
  const notes: string[] = []
  if (!JSON.stringify(tokenizer.pre_tokenizer ?? null).includes(JSON.stringify(QWEN2_SPLIT))) {
    refuse("the pre-tokenizer does not split as Qwen2's and Qwen3's does, expected that one")
  }
  if (objectAt(tokenizer, 'normalizer')?.type !== 'NFC')
    refuse('the normalizer is not NFC, expected that one')

  const tokens = new Array<string | undefined>(vocab)
  const types = new Int32Array(vocab).fill(UNUSED)
  const spelled = new Map<string, number>()
  const place = (text: string, id: unknown, type: number): void => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocab) {
      refuse(
        `token ${JSON.stringify(text)} has id ${JSON.stringify(id)}, expected 0 to ${vocab - 1}: the embedding has ${vocab} rows`,
      )
    }
    const index = id as number
    const before = spelled.get(text)
    if (
      (before !== undefined && before !== index) ||
      (tokens[index] !== undefined && tokens[index] !== text)
    ) {
      refuse(
        `token ${JSON.stringify(text)} has id ${index}, which clashes with ${JSON.stringify(tokens[index] ?? text)} (id ${before ?? index})`,
      )
    }
    if (text === '' || text.includes('\0')) refuse(`token ${index} is empty or holds a zero byte`)
    tokens[index] = text
    types[index] = type
    spelled.set(text, index)
  }
  for (const [text, id] of Object.entries(vocabulary)) place(text, id, NORMAL)
  const added = Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens : []
  for (const token of added) {
    if (!isObject(token) || typeof token.content !== 'string') return refuse('an added token has no content')
    place(token.content, token.id, CONTROL)
  }
  const unused = types.reduce((sum, type) => sum + (type === UNUSED ? 1 : 0), 0)
  if (unused > 0) notes.push(`${unused} rows of the embedding have no token; named [PAD<id>]`)
  for (let id = 0; id < vocab; id++) if (tokens[id] === undefined) place(padName(id, spelled), id, UNUSED)

  const merges = readMerges(model.merges, spelled, refuse)
  const config = await readOptionalJson(join(directory, 'tokenizer_config.json'))
  const generation = await readOptionalJson(join(directory, 'generation_config.json'))
  const spelledAt = (key: string): number | null => {
    const value = isObject(config) ? config[key] : null
    const text = isObject(value) ? value.content : value
    return (typeof text === 'string' ? spelled.get(text) : undefined) ?? null
  }
  const stated = (key: string): number | null => tokenId(isObject(generation) ? generation[key] : null)
  const eos = stated('eos_token_id') ?? fallback.eosTokenId ?? spelledAt('eos_token')
  const pad = stated('pad_token_id') ?? fallback.padTokenId ?? spelledAt('pad_token')

  const metadata: NativeGgufValue[] = [
    { key: 'tokenizer.ggml.model', type: 'string', value: 'gpt2' },
    { key: 'tokenizer.ggml.pre', type: 'string', value: 'qwen2' },
    { key: 'tokenizer.ggml.tokens', type: 'string[]', value: tokens as string[] },
    { key: 'tokenizer.ggml.token_type', type: 'int32[]', value: types },
    { key: 'tokenizer.ggml.merges', type: 'string[]', value: merges },
  ]
  for (const [name, id] of [
    ['eos', eos],
    ['padding', pad],
  ] as const) {
    if (id === null) {
      notes.push(`the checkpoint names no ${name} token`)
    } else if (id >= vocab) {
      refuse(`the ${name} token's id is ${id}, expected below ${vocab}`)
    } else {
      metadata.push({ key: `tokenizer.ggml.${name}_token_id`, type: 'uint32', value: id })
    }
  }
  metadata.push({ key: 'tokenizer.ggml.add_bos_token', type: 'bool', value: false })
  const template = await readTemplate(directory, config)
  if (template === null) notes.push('the checkpoint has no chat template')
  else metadata.push({ key: 'tokenizer.chat_template', type: 'string', value: template })
  return { metadata, notes }
}

function padName(id: number, spelled: ReadonlyMap<string, number>): string {
  let name = `[PAD${id}]`
  while (spelled.has(name)) name += '_'
  return name
}

/** Merges in either spelling of tokenizer.json, "a b" or ["a","b"], as "a b". */
function readMerges(
  value: unknown,
  tokens: ReadonlyMap<string, number>,
  refuse: (what: string) => never,
): string[] {
  if (!Array.isArray(value)) return refuse('it has no merges')
  return value.map((merge: unknown, index) => {
    const parts: unknown[] = Array.isArray(merge) ? merge : typeof merge === 'string' ? merge.split(' ') : []
    const [left, right] = parts
    const sound =
      parts.length === 2 &&
      typeof left === 'string' &&
      typeof right === 'string' &&
      tokens.has(left) &&
      tokens.has(right) &&
      tokens.has(left + right)
    if (!sound) refuse(`merge ${index} is ${JSON.stringify(merge)}, expected two tokens that join to a third`)
    return `${left} ${right}`
  })
}

/** The chat template: the .jinja file where there is one, else the entry of tokenizer_config.json. */
async function readTemplate(directory: string, config: unknown): Promise<string | null> {
  try {
    const path = join(directory, 'chat_template.jinja')
    const { size } = await stat(path)
    if (size > MOST_TEMPLATE_BYTES) {
      throw brokenCheckpoint(`${path} has ${size} bytes, expected at most ${MOST_TEMPLATE_BYTES}`)
    }
    return withoutMark(await readFile(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const template = isObject(config) ? config.chat_template : null
  if (typeof template === 'string') return template
  if (!Array.isArray(template)) return null
  const named: unknown = template.find((entry) => isObject(entry) && entry.name === 'default') ?? template[0]
  return isObject(named) && typeof named.template === 'string' ? named.template : null
}
