import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { seeded } from '../support/fixtures.js'
import type { Entry } from '../support/gguf-writer.js'
import { writeGguf } from '../support/gguf-writer.js'
import { temporaryDirectory } from '../support/temporary.js'
import { setEntry, tinyModel } from '../support/tiny-model.js'

const CHILD = fileURLToPath(new URL('../support/load-child.mjs', import.meta.url))
const MUTANTS = 500
/** Values that make lengths, counts and types go wrong. */
const ODD = [0, 1, 2, 31, 255, 256, 65535, 0x7fffffff, 0x80000000, 0xffffffff]

const directory = temporaryDirectory()

/** Loads what lies in the directory in a process of its own: its output, and how it ended. */
function loadAll(): Promise<{
  code: number | null
  signal: NodeJS.Signals | null
  lines: string[]
  stderr: string
}> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, directory], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 110_000,
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({ code, signal, lines: stdout.trimEnd().split('\n'), stderr }),
    )
  })
}

/** A model whose header is mostly numbers and names: few tokens would hide in a long vocabulary. */
function mutate(bytes: Buffer, headerBytes: number, random: () => number): Buffer {
  const mutant = Buffer.from(bytes)
  const below = (n: number) => Math.floor(random() * n)
  const vocabulary = [bytes.indexOf('tokenizer.ggml.tokens'), bytes.indexOf('tokenizer.ggml.merges')] as const
  const place = (): number => {
    // One in eight may hit the vocabulary, which is most of the header.
    for (;;) {
      const at = below(headerBytes - 8)
      const [from, to] = vocabulary
      if (at < from || at > to || below(8) === 0) return at
    }
  }
  const changes = 1 + below(3)
  for (let i = 0; i < changes; i++) {
    const at = place()
    switch (below(5)) {
      case 0:
        mutant[at] = mutant[at]! ^ (1 << below(8))
        break
      case 1:
        mutant[at] = below(256)
        break
      case 2:
        mutant.writeUInt32LE(ODD[below(ODD.length)]!, at)
        break
      case 3:
        mutant.copy(mutant, at, place(), headerBytes)
        break
      default:
        return mutant.subarray(0, 24 + below(bytes.length - 24))
    }
  }
  return mutant
}

/** Keys that llama.cpp reads for any model, whether a Qwen3Guard has them or not, and values to trip over. */
const READ_KEYS = [
  'qwen3.expert_count',
  'qwen3.expert_used_count',
  'qwen3.nextn_predict_layers',
  'qwen3.embedding_length_out',
  'qwen3.pooling_type',
  'qwen3.attention.sliding_window',
  'qwen3.attention.key_length_swa',
  'qwen3.rope.scaling.type',
  'qwen3.rope.scaling.factor',
  'qwen3.rope.dimension_count',
  'qwen3.classifier.output_labels',
  'general.alignment',
  'general.type',
  'split.count',
  'tokenizer.ggml.scores',
  'tokenizer.ggml.token_type_count',
  'tokenizer.ggml.precompiled_charsmap',
  'tokenizer.ggml.bos_token_id',
  'tokenizer.ggml.eot_token_id',
  'tokenizer.ggml.suppress_tokens',
  'tokenizer.ggml.add_bos_token',
  'tokenizer.ggml.normalizer.lowercase',
  'qwen3guard.query.risk_labels',
  'adapter.type',
]
const VALUES: [type: Entry[1], value: Entry[2]][] = [
  ['uint32', 0],
  ['uint32', 0xffffffff],
  ['int32', -1],
  ['string', ''],
  ['bool', true],
  ['float32', Number.NaN],
  ['string[]', []],
  ['int32[]', [-5, 999_999]],
  ['uint8[]', [255, 255, 255, 255, 1]],
]

it('survives any damage to a model file', async () => {
  const random = seeded(20261123)
  for (const variant of ['gen', 'stream'] as const) {
    const gguf = tinyModel(variant)
    const bytes = writeGguf(gguf)
    const headerBytes = writeGguf({
      ...gguf,
      tensors: gguf.tensors.map((t) => ({ ...t, data: new Uint8Array(0) })),
    }).length
    for (let i = 0; i < MUTANTS; i++) {
      writeFileSync(
        join(directory, `${variant}-${String(i).padStart(4, '0')}.gguf`),
        mutate(bytes, headerBytes, random),
      )
    }
    for (const [k, key] of READ_KEYS.entries()) {
      for (const [v, [type, value]] of VALUES.entries()) {
        const odd = tinyModel(variant)
        setEntry(odd, key, type, value)
        writeFileSync(join(directory, `${variant}-key-${k}-${v}.gguf`), writeGguf(odd))
      }
    }
    // Sound in form, but with a weight that is not a number: no verdict rather than any.
    const poisoned = tinyModel(variant)
    const norm = poisoned.tensors.find(({ name }) => name === 'output_norm.weight')!
    norm.data = new Uint8Array(new Float32Array(32).fill(Number.NaN).buffer)
    writeFileSync(join(directory, `${variant}-nan.gguf`), writeGguf(poisoned))
    writeFileSync(join(directory, `${variant}-sound.gguf`), bytes)
    setEntry(gguf, 'general.name', 'string', 'another')
    writeFileSync(join(directory, `${variant}-renamed.gguf`), writeGguf(gguf))
  }
  const { code, signal, lines, stderr } = await loadAll()
  expect({ code, signal, last: lines.at(-1), stderr }).toEqual({
    code: 0,
    signal: null,
    last: expect.any(String) as string,
    stderr: '',
  })
  expect(lines).toHaveLength(2 * (MUTANTS + READ_KEYS.length * VALUES.length + 3))
  const outcomes = new Map(lines.map((line) => line.split(' ') as [string, string]))
  for (const variant of ['gen', 'stream']) {
    expect(outcomes.get(`${variant}-sound.gguf`)).toBe('decoded')
    expect(outcomes.get(`${variant}-renamed.gguf`)).toBe('decoded')
    expect(outcomes.get(`${variant}-nan.gguf`)).toBe('ERR_DECODE')
  }
  const allowed = new Set(['decoded', 'ERR_MODEL_INVALID', 'ERR_MODEL_KIND', 'ERR_DECODE'])
  expect([...outcomes].filter(([, outcome]) => !allowed.has(outcome))).toEqual([])
}, 120_000)
