// Faults published of llama.cpp and of programs over it, each as a small generator: none may be one of this package.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ModelFileError, StreamGuard } from '../../lib/index.js'
import { quantizeGguf } from '../../lib/models/convert/quantize.js'
import { readGguf } from '../../lib/models/gguf/reader.js'
import { renderApart } from '../../lib/tokenizer/template-process.js'
import { type Gguf, type Tensor, writeGguf } from '../support/gguf-writer.js'
import { temporaryDirectory } from '../support/temporary.js'
import { setEntry, tinyModel } from '../support/tiny-model.js'

const LOADS = fileURLToPath(new URL('../support/load-child.mjs', import.meta.url))

/** A string of a GGUF: its length, true or not, and its bytes. */
function text(value: string, length = BigInt(Buffer.byteLength(value))): Buffer {
  const head = Buffer.alloc(8)
  head.writeBigUInt64LE(length)
  return Buffer.concat([head, Buffer.from(value)])
}

function u32(...values: number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer)
}

function u64(...values: bigint[]): Buffer {
  return Buffer.from(BigUint64Array.from(values).buffer)
}

/** A file that states so many tensors and keys, and goes on with these bytes. */
function header(tensors: bigint, keys: bigint, ...rest: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors, keys), ...rest])
}

/** One tensor's entry. */
function tensor(name: string, dimensions: number, shape: bigint[], type = 0, offset = 0n): Buffer {
  return Buffer.concat([text(name), u32(dimensions), u64(...shape), u32(type), u64(offset)])
}

function changed(change: (model: Gguf) => void): Buffer {
  const model = tinyModel('stream')
  change(model)
  return writeGguf(model)
}

function changedTensor(change: (tensor: Tensor) => void): Buffer {
  return changed(({ tensors }) => change(tensors[3] as Tensor))
}

const STRING = 8
const ARRAY = 9

/** By the fault's number or thread, and what it was. */
const FILES: Record<string, () => Buffer> = {
  'CVE-2026-27940, sizes of tensors whose sum overflows': () =>
    header(3n, 0n, ...[0, 1, 2].map((i) => tensor(`t${i}`, 2, [1n << 31n, 1n << 30n])), Buffer.alloc(64)),
  'CVE-2025-53630, a size that overflows when it is padded': () =>
    header(1n, 0n, tensor('t', 1, [(1n << 62n) - 1n]), Buffer.alloc(64)),
  'CVE-2025-53630, dimensions whose product overflows': () =>
    changedTensor((tensor) => {
      tensor.shape = [2 ** 32, 2 ** 32]
    }),
  'CVE-2026-27940, an array longer than the file': () =>
    header(0n, 1n, text('a'), u32(ARRAY, 10), u64(1n << 61n), Buffer.alloc(64)),
  'CVE-2026-27940, an array of strings longer than the file': () =>
    header(0n, 1n, text('a'), u32(ARRAY, STRING), u64(1n << 60n), Buffer.alloc(64)),
  'CVE-2026-27940, a negative type of a tensor': () =>
    header(1n, 0n, tensor('t', 1, [32n], 0xffffffff), Buffer.alloc(256)),
  'CVE-2026-27940, a negative type of a value': () =>
    header(0n, 1n, text('a'), u32(0xffffffff), Buffer.alloc(64)),
  'CVE-2024-21802, more dimensions than there is room for': () =>
    header(1n, 0n, tensor('t', 0xffffffff, [1n, 1n, 1n, 1n, 1n, 1n]), Buffer.alloc(64)),
  'CVE-2024-21802, five dimensions': () =>
    header(1n, 0n, tensor('t', 5, [1n, 1n, 1n, 1n, 1n]), Buffer.alloc(64)),
  'a count of keys that overflows their memory': () => header(0n, (1n << 64n) / 48n + 1n, Buffer.alloc(64)),
  'a count of tensors that overflows their memory': () =>
    header((1n << 64n) / 96n + 1n, 0n, Buffer.alloc(64)),
  'a key whose length overflows with its end': () => header(0n, 1n, text('a', (1n << 64n) - 1n)),
  'a string whose length overflows with its end': () =>
    header(0n, 1n, text('a'), u32(STRING), text('b', (1n << 64n) - 1n)),
  'CVE-2026-7482, a tensor that lies behind the file': () =>
    changedTensor((tensor) => {
      tensor.offset = 1 << 30
    }),
  'CVE-2026-7482, a tensor larger than the file': () =>
    changedTensor((tensor) => {
      tensor.shape = [1 << 20, 1 << 10]
    }),
  'CVE-2026-7482, a tensor that ends behind the file': () => {
    const bytes = writeGguf(tinyModel('stream'))
    return bytes.subarray(0, bytes.length - 4)
  },
  'CVE-2026-7482, an offset that overflows with the size': () =>
    header(1n, 0n, tensor('t', 1, [32n], 0, (1n << 64n) - 32n), Buffer.alloc(256)),
  'llama.cpp#24884, an empty key in 37 bytes': () => header(0n, 1n, text(''), u32(7), Buffer.from([1])),
  'llama.cpp#24445, an empty key in a sound file': () =>
    changed(({ metadata }) => metadata.unshift(['', 'uint32', 1])),
  'llama.cpp#24263, a dimension of zero': () =>
    changedTensor((tensor) => {
      tensor.shape = [0, 32]
    }),
  'a dimension of zero as the only one': () => header(1n, 0n, tensor('t', 1, [0n]), Buffer.alloc(64)),
  'an alignment of zero': () => changed((model) => setEntry(model, 'general.alignment', 'uint32', 0)),
  'an alignment that is no power of two': () =>
    changed((model) => setEntry(model, 'general.alignment', 'uint32', 33)),
}

describe('published faults of GGUF readers', () => {
  const directory = temporaryDirectory()
  const paths = Object.entries(FILES).map(([name, make], i) => {
    const path = join(directory, `${String(i).padStart(2, '0')}.gguf`)
    writeFileSync(path, make())
    return [name, path] as const
  })

  it.each(paths)('%s: is refused by its header, and not quantized', async (_name, path) => {
    await expect(readGguf(path)).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' })
    await expect(quantizeGguf(path, `${path}.out`, { type: 'f16' })).rejects.toBeInstanceOf(ModelFileError)
  })

  it('no such file is loaded, or ends a process that tries', () => {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [LOADS, directory], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
    const outcomes = stdout.trimEnd().split('\n')
    expect(outcomes).toEqual(
      paths.map((_, i) =>
        expect.stringMatching(`^${String(i).padStart(2, '0')}\\.gguf ERR_MODEL_(INVALID|KIND)$`),
      ),
    )
  })
})

describe('published faults of templates', () => {
  const messages = [{ role: 'user', content: 'hi' }]

  it.each([
    "{{ messages.constructor.constructor('return process')().exit(7) }}",
    "{{ ''.constructor.constructor('return process.env.PATH')() }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ self.__init__.__globals__.__builtins__.open('/etc/passwd').read() }}",
  ])('CVE-2024-34359, a template that reaches for more than its messages: %s', async (source) => {
    const outcome = await renderApart(source, { messages }).catch((error: Error) => error.message)
    expect(outcome).not.toContain(process.env.PATH)
    expect(outcome).not.toContain('root:')
    expect(outcome).not.toMatch(/its process ended/)
  })
})

describe('published faults of tokenizers and servers', () => {
  let stream: StreamGuard
  beforeAll(async () => {
    stream = await StreamGuard.load({ model: 'demo', gpu: false, contextSize: 256 })
  })
  afterAll(async () => stream.close())

  it.each([
    ['one word', 'a'.repeat(1_000_000)],
    ['symbols', '<'.repeat(1_000_000)],
    ['words', 'ab '.repeat(300_000)],
    ['bytes that no token joins', '\u{10FFFD}'.repeat(200_000)],
  ])('CVE-2025-52566, more tokens than a buffer has places: %s', async (_name, long) => {
    await expect(stream.classifyPrompt(long)).rejects.toMatchObject({ code: 'ERR_TOO_LONG' })
    await expect(stream.classifyPrompt('hi')).resolves.toHaveProperty('safety')
  })

  it.each([[-1], [2 ** 31], [-(2 ** 31)], [2 ** 53], [1.5], [Number.NaN]])(
    'CVE-2026-21869, a number outside what is counted: id %d',
    async (id) => {
      const moderation = await stream.open('hi')
      await expect(moderation.pushTokens([id])).rejects.toThrow(/id/)
      await moderation.close()
    },
  )

  it('CVE-2026-7482, what is written of a model holds nothing of the process', async () => {
    const directory = temporaryDirectory()
    const [from, one, other] = ['model', 'one', 'other'].map((name) => join(directory, `${name}.gguf`)) as [
      string,
      string,
      string,
    ]
    writeFileSync(from, writeGguf(tinyModel('stream')))
    await quantizeGguf(from, one, { type: 'f16' })
    await stream.classifyPrompt('words that lie about in the memory of this process')
    await quantizeGguf(from, other, { type: 'f16' })
    expect(readFileSync(other).equals(readFileSync(one))).toBe(true)
  })
})
