import { loadBinding } from '../../../binding/addon.js'
import type { NativeVocabularyProblem } from '../../../binding/binding.js'
import { typedErrors } from '../../../binding/native-error.js'
import { nativePath } from '../../../binding/native-path.js'
import { brokenGguf } from '../format.js'
import type { GgufArray, GgufFile } from '../reader.js'
import type { Report } from './keys.js'

const TOKENS = 'tokenizer.ggml.tokens'
const TYPES = 'tokenizer.ggml.token_type'
const MERGES = 'tokenizer.ggml.merges'

/** Bytes of the longest token allowed; Qwen3's longest has 256. */
const LONGEST_TOKEN = 4096
/** llama.cpp counts tokens in 32 bits and keeps each in memory several times. */
const MOST_TOKENS = 1 << 21
/** Added tokens, CONTROL and USER_DEFINED: their spellings are looked for in every text. Qwen3 has 26. */
const MOST_ADDED = 16_384
/** What native takes: NORMAL, CONTROL, USER_DEFINED, UNUSED. llama.cpp aborts on UNKNOWN and BYTE tokens of a byte-level BPE. */
const TOKEN_TYPES = [1, 3, 4, 5]

/** Keys that llama.cpp reads for any tokenizer, with the type it reads them as. */
const KEY_TYPES: Readonly<Record<string, string>> = {
  'tokenizer.ggml.token_type_count': 'uint32',
  'tokenizer.ggml.add_bos_token': 'bool',
  'tokenizer.ggml.add_eos_token': 'bool',
  'tokenizer.ggml.add_sep_token': 'bool',
  'tokenizer.ggml.add_space_prefix': 'bool',
  'tokenizer.ggml.remove_extra_whitespaces': 'bool',
  'tokenizer.ggml.normalizer.lowercase': 'bool',
  'tokenizer.ggml.normalizer.strip_accents': 'bool',
}

/**
 * Checks the tokenizer: a byte-level BPE with Qwen2's pre-tokenizer, arrays of one length, no token
 * twice (llama.cpp asserts that), merges whose parts and results are tokens, special ids in range.
 */
export async function checkTokenizer(file: GgufFile, report: Report, signal?: AbortSignal): Promise<void> {
  for (const [key, expected] of [
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', 'qwen2'],
  ] as const) {
    const value = file.metadata.get(key)
    if (value?.type === 'string' && value.value === expected) continue
    const came =
      value === undefined
        ? 'missing'
        : value.type === 'string'
          ? JSON.stringify(value.value)
          : `a ${value.type}`
    report(`metadata key ${key} is ${came}, expected "${expected}", which Qwen3's tokenizer has`)
  }
  for (const [key, type] of Object.entries(KEY_TYPES)) {
    const value = file.metadata.get(key)
    if (value && value.type !== type) report(`metadata key ${key} is a ${value.type}, expected a ${type}`)
  }
  const tokens = array(file, TOKENS, 'string', report)
  const types = array(file, TYPES, 'int32', report)
  const merges = array(file, MERGES, 'string', report)
  checkSpecialIds(file, tokens?.count ?? 0, report)
  checkOptionalArrays(file, tokens?.count ?? 0, report)
  if (!tokens || !types || !merges) return
  if (tokens.count === 0 || tokens.count > MOST_TOKENS) {
    report(`${TOKENS} has ${tokens.count} elements, expected 1 to ${MOST_TOKENS}`)
    return
  }
  if (types.count !== tokens.count) {
    report(`${TYPES} has ${types.count} elements, expected as many as ${TOKENS}, ${tokens.count}`)
  }
  signal?.throwIfAborted()
  const { path } = file
  const limits = { longest: LONGEST_TOKEN, mostAdded: MOST_ADDED }
  const found = await typedErrors(
    loadBinding().checkVocabulary({ path: nativePath(path), tokens, types, merges, ...limits }),
  )
  signal?.throwIfAborted()
  for (const problem of found) report(describe(file, problem))
}

/** A problem in words. */
function describe(file: GgufFile, { array, index, what, bytes, type }: NativeVocabularyProblem): string {
  const key = { tokens: TOKENS, types: TYPES, merges: MERGES }[array]
  const broken = (what: string) => brokenGguf(file.path, `metadata key ${key}`, what).message
  const element = new TextDecoder().decode(bytes)
  const token = (what: string) => `${key}: element ${index} (${JSON.stringify(element.slice(0, 40))}) ${what}`
  switch (what) {
    case 'empty':
      return token('is empty')
    case 'zero byte':
      // llama.cpp's reader ends a string there, and asserts that the shortened tokens differ.
      return token('holds a zero byte')
    case 'twice':
      return token('is there twice, expected once')
    case 'too long':
      return token(`is longer than ${LONGEST_TOKEN} characters`)
    case 'type':
      return `${key}: element ${index} is ${type}, expected one of ${TOKEN_TYPES.join(', ')}`
    case 'too many added':
      return `${key}: more than ${MOST_ADDED} tokens are control or user-defined ones, which are added tokens`
    case 'merge': {
      const came = JSON.stringify(element.slice(0, 80))
      return `${key}: element ${index} is ${came}, expected two tokens with one space between that join to a third`
    }
    case 'not UTF-8': {
      const came = JSON.stringify(Buffer.from(bytes.subarray(0, 40)).toString('latin1'))
      return broken(`its element ${index} is not UTF-8: ${came}`)
    }
    case 'shorter':
      return broken('the file became shorter while it was read')
    case 'unreadable':
      return broken('the file cannot be opened any more')
  }
}

function array(file: GgufFile, key: string, of: 'string' | 'int32', report: Report): GgufArray | null {
  const value = file.metadata.get(key)
  if (value?.type === 'array' && value.of === of) return value
  const came =
    value === undefined ? 'missing' : value.type === 'array' ? `an array of ${value.of}` : `a ${value.type}`
  report(`metadata key ${key} is ${came}, expected an array of ${of}`)
  return null
}

function checkSpecialIds(file: GgufFile, count: number, report: Report): void {
  for (const [key, value] of file.metadata) {
    if (!/^tokenizer\.ggml\.\w+_token_id$/.test(key)) continue
    if (value.type === 'uint32' && Number(value.value) < count) continue
    const came = value.type === 'array' ? 'an array' : `${value.type} ${value.value}`
    report(`metadata key ${key} is ${came}, expected a token id as uint32, below ${count}`)
  }
}

function checkOptionalArrays(file: GgufFile, count: number, report: Report): void {
  const scores = file.metadata.get('tokenizer.ggml.scores')
  if (scores && !(scores.type === 'array' && scores.of === 'float32' && scores.count === count)) {
    report(`metadata key tokenizer.ggml.scores is not an array of ${count} float32, one for each token`)
  }
  if (file.metadata.has('tokenizer.ggml.suppress_tokens')) {
    report('metadata key tokenizer.ggml.suppress_tokens is there, but no Qwen3Guard model has it')
  }
}
