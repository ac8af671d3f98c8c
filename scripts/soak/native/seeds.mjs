// Where the fuzzers begin: headers of the demonstration files with short arrays, and small vocabularies out of them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { assemble, parse, stringsBody, stringsOf, TYPES, textBody } from '../mutants/gguf-bytes.mjs'

const MODELS = ['demo-gen', 'demo-stream'].map((name) =>
  fileURLToPath(new URL(`../../../models/${name}.gguf`, import.meta.url)),
)

/** An array's value with its first elements alone. */
function shortened(body, most) {
  const of = body.readUInt32LE(0)
  const count = Math.min(most, Number(body.readBigUInt64LE(4)))
  const head = Buffer.from(body.subarray(0, 12))
  head.writeBigUInt64LE(BigInt(count), 4)
  if (of === TYPES.string) return stringsBody(stringsOf(body).slice(0, count))
  return Buffer.concat([head, body.subarray(12, 12 + 4 * count)])
}

/** A header whose arrays have `most` elements, and so many tensors. */
function header(gguf, most) {
  const pairs = gguf.pairs.map((pair) =>
    pair.type === TYPES.array
      ? { ...pair, body: shortened(pair.body, most) }
      : pair.body.length > 400
        ? { ...pair, body: textBody(pair.body.subarray(8, 200)) }
        : pair,
  )
  const { bytes, headerBytes } = assemble({ ...gguf, pairs, tensors: gguf.tensors.slice(0, most) })
  return bytes.subarray(0, Math.ceil(headerBytes / 32) * 32)
}

/** `merges` merges with the tokens that they are of, where vocabulary.cc looks for them: three places, then bytes. */
function vocabulary(gguf, merges) {
  const strings = (key) => stringsOf(gguf.pairs.find((pair) => pair.key.toString() === key).body)
  const chosen = strings('tokenizer.ggml.merges').slice(0, merges)
  const tokens = new Set()
  for (const merge of chosen.map(String)) {
    const [left, right] = merge.split(' ')
    for (const token of [left, right, left + right]) tokens.add(token)
  }
  const types = Buffer.alloc(4 * tokens.size)
  for (let i = 0; i < tokens.size; i++) types.writeInt32LE(1, 4 * i)
  const parts = [
    [Buffer.concat([...tokens].map((token) => textBody(token))), tokens.size],
    [types, tokens.size],
    [Buffer.concat(chosen.map(textBody)), chosen.length],
  ]
  const places = new Uint16Array(9)
  let at = 0
  for (const [i, [bytes, count]] of parts.entries()) {
    places.set([at, bytes.length, count], 3 * i)
    at += bytes.length
  }
  return Buffer.concat([Buffer.from(places.buffer), ...parts.map(([bytes]) => bytes)])
}

/** Writes the seeds of one fuzzer into a folder of their own below `folder`, and returns that. */
export function writeSeeds(fuzzer, folder) {
  const into = path.join(folder, `${fuzzer}-seeds`)
  mkdirSync(into, { recursive: true })
  for (const [i, model] of MODELS.entries()) {
    const gguf = parse(readFileSync(model))
    for (const size of [2, 5, 20]) {
      const inputs =
        fuzzer === 'vocabulary'
          ? [vocabulary(gguf, size)]
          : [0, 1].map((way) => Buffer.concat([Buffer.of(way), header(gguf, size)]))
      for (const [k, input] of inputs.entries()) writeFileSync(path.join(into, `${i}-${size}-${k}`), input)
    }
  }
  return into
}
