import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { EngineOptions } from '../../lib/engine/engine-options.js'
import { estimateMemory, weightBytes } from '../../lib/engine/memory.js'
import { catalog, catalogName } from '../../lib/models/catalog.js'
import { CONVERT_TYPES } from '../../lib/models/convert/convert.js'
import type { ModelDescription } from '../../lib/models/gguf/describe.js'
import { type HeadSizes, qwen3Tensors } from '../../lib/models/gguf/qwen3-tensors.js'

/** Qwen3's published shapes. */
const SHAPES = {
  '0.6b': { embedding: 1024, blocks: 28, heads: 16, feedForward: 3072, tied: true },
  '4b': { embedding: 2560, blocks: 36, heads: 32, feedForward: 9728, tied: true },
  '8b': { embedding: 4096, blocks: 36, heads: 32, feedForward: 12288, tied: false },
} as const
const COMMON = { vocab: 151_936, headsKv: 8, headSize: 128 }

/** Bits a value takes, scales included; k-quants mix types, so about. */
const BITS: Record<string, number> = {
  f32: 32,
  f16: 16,
  bf16: 16,
  q8_0: 8.5,
  q6_k: 6.6,
  q5_k_m: 5.7,
  q4_k_m: 4.9,
  q4_0: 4.5,
  iq4_nl: 4.5,
}

/** The defaults of docs/options.md. */
const ENGINES: Record<'gen' | 'stream', EngineOptions> = {
  gen: engine({ contextSize: 4096, maxSequences: 16, cells: 8192, unified: true, maxOutputs: 64 }),
  stream: engine({ contextSize: 2048, maxSequences: 8, cells: 4096, unified: false, maxOutputs: 512 }),
}

function engine(
  options: Pick<EngineOptions, 'contextSize' | 'maxSequences' | 'cells' | 'unified' | 'maxOutputs'>,
) {
  return {
    maxQueue: 1024,
    batchSize: 512,
    prefillTokens: 128,
    offloads: true,
    alone: null,
    keeps: true,
    threads: 1,
    kvType: 'f16',
    flashAttention: false,
    ...options,
  } as const
}

function shapeOf({ name, variant }: { name: string; variant: 'gen' | 'stream' }) {
  const shape = SHAPES[name.slice(name.lastIndexOf('-') + 1) as keyof typeof SHAPES]
  // The inner width is published for 0.6B only: half of the embedding.
  const heads: HeadSizes = {
    inner: shape.embedding / 2,
    response: { risk: 3, category: 8 },
    query: { risk: 3, category: 9 },
  }
  const last = variant === 'stream' ? heads : shape.tied ? 'tied' : 'untied'
  const tensors = qwen3Tensors({ ...COMMON, ...shape }, last)
  return { shape, parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0) }
}

describe('models/catalog.json', () => {
  it('holds the six official checkpoints', () => {
    expect(catalog().map(({ name }) => name)).toEqual(
      ['gen', 'stream'].flatMap((variant) =>
        ['0.6b', '4b', '8b'].map((size) => `qwen3guard-${variant}-${size}`),
      ),
    )
    for (const { name, variant, repository, license, revision, files } of catalog()) {
      expect(repository.toLowerCase()).toBe(`qwen/${name}`)
      expect(name).toContain(variant)
      expect(license).toBe('apache-2.0')
      expect(revision ?? '0'.repeat(40)).toMatch(/^[0-9a-f]{40}$/)
      for (const { sha256 } of files) expect(sha256 ?? '0'.repeat(64)).toMatch(/^[0-9a-f]{64}$/)
    }
  })

  it('pins what is known of Stream 0.6B', () => {
    const { revision, files } = catalogName('qwen3guard-stream-0.6b')!.entry
    expect(revision).toBe('419364a715de9840d47b1457982f64ff37f90ed4')
    const hashes = Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256]))
    expect(hashes).toMatchObject({
      'config.json': 'b3bcfee86ed04c86e3c92000a2768d3c879564ac45e7e97909bce2e5767503cd',
      'model.safetensors': 'e0a2eac6cc79cca5bf35bf8fb356f94c333dd9715f4f0dd58883b01f2fe33419',
    })
  })

  it.each(catalog())('states the parameters and the download of $name', (entry) => {
    const { parameters } = shapeOf(entry)
    if (!entry.approximate) expect(entry.parameters).toBe(parameters)
    expect(Math.abs(entry.parameters / parameters - 1)).toBeLessThan(0.01)
    // Gen 0.6B stores its tied LM head all the same.
    const stored = parameters + (entry.name === 'qwen3guard-gen-0.6b' ? 151_936 * 1024 : 0)
    expect(Math.abs(entry.downloadBytes / (2 * stored) - 1)).toBeLessThan(0.02)
    const exact = entry.files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
    expect(exact).toBeLessThanOrEqual(entry.downloadBytes)
  })

  it.each(catalog())('states the memory that $name takes by every type', (entry) => {
    const { shape, parameters } = shapeOf(entry)
    expect(Object.keys(entry.memoryMiB)).toEqual(expect.arrayContaining([...CONVERT_TYPES]))
    const outdated: Record<string, number> = {}
    for (const [type, mebibytes] of Object.entries(entry.memoryMiB)) {
      const model = {
        blockCount: shape.blocks,
        headCount: shape.heads,
        headCountKv: COMMON.headsKv,
        keyLength: COMMON.headSize,
        embeddingLength: shape.embedding,
        feedForwardLength: shape.feedForward,
        vocabSize: COMMON.vocab,
        heads: entry.variant === 'stream' ? { inner: shape.embedding / 2 } : null,
        parameters,
        sizeBytes: (parameters * BITS[type]!) / 8,
      } as ModelDescription
      // At most: where this type's weights are rearranged for the CPU.
      const need = estimateMemory(model, ENGINES[entry.variant], weightBytes(model, BITS[type]! < 16))
      const now = Math.round(need.total / 2 ** 20 / 10) * 10
      if (Math.abs(mebibytes / now - 1) > 0.1) outdated[type] = now
    }
    // What the catalog should say instead.
    expect(outdated).toEqual({})
  })
})

describe('docs/models.md', () => {
  it('states what the catalog does', () => {
    const text = readFileSync(new URL('../../docs/models.md', import.meta.url), 'utf8')
    const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`
    for (const { name, downloadBytes, approximate, memoryMiB } of catalog()) {
      const download = `${approximate ? 'about ' : ''}${gibibytes(downloadBytes)}`
      const memory = [memoryMiB.q8_0, memoryMiB.f16].map((mebibytes) => gibibytes(mebibytes! * 2 ** 20))
      expect(text).toContain(`| \`${name}\` | ${download} | ${memory.join(' | ')} |`)
    }
  })
})
