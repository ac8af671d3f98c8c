import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inspectGguf } from '../../../lib/cli/inspection.js'
import { ModelFileError } from '../../../lib/errors.js'
import { readGgufArray } from '../../../lib/models/gguf/array.js'
import { describeGguf } from '../../../lib/models/gguf/describe.js'
import { readGguf } from '../../../lib/models/gguf/reader.js'
import type { Gguf, Tensor } from '../../support/gguf-writer.js'
import { writeGguf } from '../../support/gguf-writer.js'
import { temporaryDirectory } from '../../support/temporary.js'
import { setEntry, tensorOf, tinyModel } from '../../support/tiny-model.js'

const directory = temporaryDirectory()

function save(name: string, content: Gguf | string | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(
    path,
    typeof content === 'string' || content instanceof Uint8Array ? content : writeGguf(content),
  )
  return path
}

async function refusal(path: string): Promise<ModelFileError> {
  const error = await readGguf(path).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ModelFileError)
  expect((error as Error).message).toContain(path)
  return error as ModelFileError
}

describe('readGguf', () => {
  it('reads metadata, tensors and where their data lie', async () => {
    const gguf = tinyModel('stream')
    setEntry(gguf, 'extra.numbers', 'uint64[]', [1, 2])
    const bytes = writeGguf(gguf)
    const file = await readGguf(save('sound.gguf', bytes))
    expect(file.version).toBe(3)
    expect(file.size).toBe(bytes.length)
    expect(file.metadata.get('qwen3.block_count')).toEqual({ type: 'uint32', value: 1 })
    expect(file.metadata.get('tokenizer.ggml.add_bos_token')).toEqual({ type: 'bool', value: false })
    expect(file.metadata.get('extra.numbers')).toMatchObject({ of: 'uint64', values: [1n, 2n] })
    expect(file.tensors.map(({ name }) => name)).toEqual(gguf.tensors.map(({ name }) => name))
    for (const tensor of file.tensors) {
      const { data, shape } = tensorOf(gguf, tensor.name)
      expect(tensor.shape).toEqual(shape)
      expect(bytes.subarray(tensor.offset, tensor.offset + tensor.bytes).equals(data)).toBe(true)
    }
  })

  it('reads version 2', async () => {
    const file = await readGguf(save('v2.gguf', { ...tinyModel('gen'), version: 2 }))
    expect(file.version).toBe(2)
  })

  it('keeps long arrays on disk and reads them in batches', async () => {
    const gguf = tinyModel('gen')
    const words = Array.from({ length: 20_000 }, (_, i) => `${'word'.repeat(i % 40)}${i}é`)
    setEntry(gguf, 'long.words', 'string[]', words)
    setEntry(
      gguf,
      'long.floats',
      'float32[]',
      Array.from({ length: 300 }, (_, i) => i / 2),
    )
    const file = await readGguf(save('long.gguf', gguf))
    const array = file.metadata.get('long.words')
    if (array?.type !== 'array') throw new Error('not an array')
    expect(array.values).toBeNull()
    const read: unknown[] = []
    for await (const batch of readGgufArray(file, 'long.words', array)) read.push(...batch)
    expect(read).toEqual(words)
    const floats = file.metadata.get('long.floats')
    if (floats?.type !== 'array') throw new Error('not an array')
    for await (const batch of readGgufArray(file, 'long.floats', floats)) {
      expect(batch).toEqual(Array.from({ length: 300 }, (_, i) => i / 2))
    }
  })

  it('rejects with the reason of an abort', async () => {
    const reason = new Error('enough')
    await expect(
      readGguf(save('abort.gguf', tinyModel('gen')), { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason)
  })

  it('says that a file is missing, and what to give instead', async () => {
    const error = await refusal(join(directory, 'nothing.gguf'))
    expect(error.code).toBe('ERR_MODEL_NOT_FOUND')
    expect(error.message).toContain('npx qwen3guard pull')
  })

  it('says that a directory is a checkpoint to convert', async () => {
    mkdirSync(join(directory, 'checkpoint'))
    const error = await refusal(join(directory, 'checkpoint'))
    expect(error.code).toBe('ERR_MODEL_INVALID')
    expect(error.message).toMatch(/is a directory.*qwen3guard convert/)
  })

  it.skipIf(process.platform === 'win32')('does not wait at a named pipe', async () => {
    const path = join(directory, 'pipe.gguf')
    execFileSync('mkfifo', [path])
    expect((await refusal(path)).message).toMatch(/not a regular file/)
  })

  const safetensors = Buffer.concat([
    Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from('{}'),
    Buffer.alloc(64),
  ])
  it.each<[string, string | Uint8Array, RegExp]>([
    ['an empty file', '', /empty/],
    ['an HTML page', '\n<!DOCTYPE html><html>Sign in</html>', /HTML page/],
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n',
      /Git LFS pointer/,
    ],
    ['a safetensors file', safetensors, /safetensors.*convert/],
    ['a zip archive', 'PK\u0003\u0004rest of the archive', /zip archive/],
    ['three bytes', 'GGU', /starts with "GGU"/],
    ['another format', 'OggS and more of it', /starts with "OggS" where "GGUF" is expected/],
  ])('says that %s is one', async (name, content, message) => {
    const error = await refusal(save(`${name.replaceAll(' ', '-')}.gguf`, content))
    expect(error.code).toBe('ERR_MODEL_INVALID')
    expect(error.message).toMatch(message)
  })

  const alter = (gguf: Gguf, name: string, change: Partial<Tensor>): undefined => {
    Object.assign(tensorOf(gguf, name), change)
  }
  const cutIn = (bytes: Buffer, word: string) => bytes.subarray(0, bytes.indexOf(word) + 8)
  const broken: [string, (gguf: Gguf) => Gguf | Uint8Array | undefined, RegExp][] = [
    ['version 1', (g) => ({ ...g, version: 1 }), /version 1/],
    ['a later version', (g) => ({ ...g, version: 4 }), /version is 4, expected 2 or 3/],
    ['big endian', (g) => ({ ...g, version: 0x03000000 }), /big-endian/],
    [
      'more keys than the file can hold',
      () => ({ version: 3, metadata: [], tensors: [], keyCount: 4000 }),
      /number of metadata keys is 4000/,
    ],
    ['keys beyond any sense', (g) => ({ ...g, keyCount: 2 ** 60 }), /number of metadata keys/],
    ['fewer keys than there are', (g) => ({ ...g, keyCount: g.metadata.length - 1 }), /tensor/],
    [
      'more tensors than the file can hold',
      (g) => ({ ...g, tensorCount: 8000 }),
      /number of tensors is 8000/,
    ],
    ['a negative number of tensors', (g) => ({ ...g, tensorCount: -1 }), /number of tensors/],
    ['an empty key', (g) => void g.metadata.push(['', 'uint32', 1]), /key is empty/],
    ['a key with a zero byte', (g) => void g.metadata.push(['a\0b', 'uint32', 1]), /zero byte/],
    ['a key twice', (g) => void g.metadata.push(['general.name', 'string', 'x']), /general\.name.*twice/],
    [
      'a key that is too long',
      (g) => void g.metadata.push(['k'.repeat(5000), 'bool', true]),
      /5000 bytes, expected at most 1024/,
    ],
    ['alignment 0', (g) => void g.metadata.push(['general.alignment', 'uint32', 0]), /power of two/],
    [
      'alignment 48',
      (g) => void g.metadata.push(['general.alignment', 'uint32', 48]),
      /is 48, expected a power of two/,
    ],
    [
      'alignment 8',
      (g) => void g.metadata.push(['general.alignment', 'uint32', 8]),
      /expected a power of two from 32/,
    ],
    [
      'alignment of another type',
      (g) => void g.metadata.push(['general.alignment', 'uint64', 32]),
      /uint64, expected uint32/,
    ],
    [
      'a tensor twice',
      (g) => void g.tensors.push(tensorOf(g, 'output_norm.weight')),
      /output_norm\.weight.*twice/,
    ],
    ['a tensor without a name', (g) => alter(g, 'output_norm.weight', { name: '' }), /name is empty/],
    [
      'a long tensor name',
      (g) => alter(g, 'output_norm.weight', { name: 'n'.repeat(64) }),
      /64 bytes, expected at most 63/,
    ],
    ['no dimensions', (g) => alter(g, 'output_norm.weight', { shape: [] }), /0 dimensions/],
    ['five dimensions', (g) => alter(g, 'output_norm.weight', { shape: [1, 1, 1, 1, 32] }), /5 dimensions/],
    [
      'a dimension of 0',
      (g) => alter(g, 'output_norm.weight', { shape: [0] }),
      /output_norm\.weight.*dimensions above 0/,
    ],
    ['a negative dimension', (g) => alter(g, 'output_norm.weight', { shape: [-32] }), /dimensions above 0/],
    [
      'dimensions that overflow',
      (g) => alter(g, 'output_norm.weight', { shape: [2 ** 33, 2 ** 33] }),
      /dimensions above 0/,
    ],
    ['an unknown tensor type', (g) => alter(g, 'output_norm.weight', { type: 4 }), /type is 4/],
    ['a negative tensor type', (g) => alter(g, 'output_norm.weight', { type: -1 }), /type is -1/],
    [
      'rows that blocks do not divide',
      (g) => alter(g, 'output_norm.weight', { type: 12 }),
      /32 values, expected a multiple of 256 for q4_K/,
    ],
    [
      'an odd offset',
      (g) => alter(g, 'output_norm.weight', { offset: 33 }),
      /offset is 33, expected a multiple of 32/,
    ],
    ['overlapping tensors', (g) => alter(g, 'output_norm.weight', { offset: 0 }), /overlaps/],
    ['a gap', (g) => alter(g, 'output_norm.weight', { offset: 2 ** 20 }), /gap/],
    ['an offset beyond the file', (g) => alter(g, 'output_norm.weight', { offset: 2 ** 62 }), /offset/],
    [
      'an array of arrays',
      (g) => {
        const b = writeGguf(g)
        const at = b.indexOf('tokenizer.ggml.merges') + 21
        b.writeUInt32LE(9, at + 4)
        return b
      },
      /array of arrays/,
    ],
    [
      'an unknown value type',
      (g) => {
        const b = writeGguf(g)
        b.writeUInt32LE(13, b.indexOf('qwen3.block_count') + 17)
        return b
      },
      /qwen3\.block_count.*type is 13/,
    ],
    [
      'an array longer than the file',
      (g) => {
        const b = writeGguf(g)
        b.writeUInt32LE(1 << 24, b.indexOf('tokenizer.ggml.merges') + 29)
        return b
      },
      /number of elements is 16777216/,
    ],
    [
      'text that is not UTF-8',
      (g) => {
        const b = writeGguf(g)
        b[b.indexOf('tiny')] = 0xff
        return b
      },
      /not UTF-8/,
    ],
    [
      'a file cut in the header',
      (g) => cutIn(writeGguf(g), 'cls.output.query_risk.weight'),
      /the file ends after \d+ bytes; 28 more were expected/,
    ],
    ['a file cut in the weights', (g) => writeGguf(g).subarray(0, -64), /did not finish/],
  ]
  it.each(broken)('refuses %s', async (name, breakIt, message) => {
    const gguf = tinyModel('stream')
    const content = breakIt(gguf) ?? gguf
    const error = await refusal(save(`${name.replaceAll(' ', '-')}.gguf`, content))
    expect(error.code).toBe('ERR_MODEL_INVALID')
    expect(error.message).toMatch(message)
  })
})

describe('describeGguf', () => {
  it('says what the header says', async () => {
    const gguf = tinyModel('stream')
    setEntry(gguf, 'qwen3guard.demonstration', 'bool', true)
    setEntry(gguf, 'general.license', 'string', 'apache-2.0')
    const path = save('described.gguf', gguf)
    const description = describeGguf(await readGguf(path))
    expect(description).toMatchObject({
      variant: 'stream',
      architecture: 'qwen3',
      name: 'tiny',
      license: 'apache-2.0',
      fileType: 'f32',
      contextLength: 128,
      embeddingLength: 32,
      blockCount: 1,
      headCount: 2,
      headCountKv: 1,
      keyLength: 16,
      feedForwardLength: 32,
      demonstration: true,
      tensorCount: gguf.tensors.length,
      parameters: gguf.tensors.reduce((sum, { data }) => sum + data.length / 4, 0),
    })
    expect(description.heads?.query.category.at(-1)).toBe('Jailbreak')
    expect(description.heads?.response.risk).toEqual(['Safe', 'Unsafe', 'Controversial'])
    expect(description.chatTemplate).toContain('Safety:')
  })

  it('leaves the variant open for a plain Qwen3', async () => {
    const gguf = tinyModel('gen')
    gguf.metadata = gguf.metadata.filter(([key]) => !key.startsWith('qwen3guard.'))
    const description = describeGguf(await readGguf(save('plain.gguf', gguf)))
    expect(description.variant).toBeNull()
    expect(description.demonstration).toBe(false)
    expect(description.heads).toBeNull()
  })
})

describe('inspectGguf', () => {
  it('abbreviates a sound file', async () => {
    const inspection = await inspectGguf(save('inspected.gguf', tinyModel('stream')))
    expect(inspection.problems).toEqual([])
    expect(inspection.variant).toBe('stream')
    expect(inspection.template).toMatchObject({ kind: 'gen' })
    expect(inspection.metadata['tokenizer.ggml.tokens']).toMatchObject({ array: 'string', first: [] })
    expect(inspection.labels?.response.category[0]).toBe('Violent')
    expect(inspection.tensors).toEqual([{ type: 'f32', count: 21, bytes: expect.any(Number) as number }])
    expect(() => JSON.stringify(inspection)).not.toThrow()
  })

  it('describes a broken file as far as it goes', async () => {
    const gguf = tinyModel('gen')
    tensorOf(gguf, 'output_norm.weight').shape = [0]
    const inspection = await inspectGguf(save('half.gguf', gguf))
    expect(inspection.metadata['general.name']).toBe('tiny')
    expect(inspection.problems).toEqual([expect.stringContaining('output_norm.weight') as string])
  })

  it('lists every problem of a file that can be read', async () => {
    const gguf = tinyModel('gen')
    setEntry(gguf, 'qwen3.block_count', 'uint32', 2)
    setEntry(gguf, 'tokenizer.ggml.pre', 'string', 'llama-bpe')
    const { problems } = await inspectGguf(save('problems.gguf', gguf))
    expect(problems.join('\n')).toMatch(/blk\.1\.attn_norm\.weight is missing/)
    expect(problems.join('\n')).toMatch(/tokenizer\.ggml\.pre is "llama-bpe", expected "qwen2"/)
  })

  it('has nothing to say about a file that is not a GGUF', async () => {
    await expect(inspectGguf(save('note.gguf', 'hello there'))).rejects.toThrow(
      /"hell" where "GGUF" is expected/,
    )
  })
})
