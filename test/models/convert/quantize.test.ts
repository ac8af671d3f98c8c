import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { GGMLQuantizationType, gguf as hubGguf } from '@huggingface/gguf'
import { describe, expect, it } from 'vitest'
import { ModelFileError } from '../../../lib/errors.js'
import { GenGuard, StreamGuard } from '../../../lib/index.js'
import { convertCheckpoint } from '../../../lib/models/convert/convert.js'
import { quantizeGguf } from '../../../lib/models/convert/quantize.js'
import { CONVERT_TYPES, type ConvertType } from '../../../lib/models/convert/tensor-type.js'
import { readGgufArray } from '../../../lib/models/gguf/array.js'
import { readGguf } from '../../../lib/models/gguf/reader.js'
import { cli, jsonLines } from '../../support/cli.js'
import { type FixtureName, fixtureModel } from '../../support/fixture-model.js'
import { checkpointPath } from '../../support/fixtures.js'
import { type Gguf, type Tensor, writeGguf } from '../../support/gguf-writer.js'
import { temporaryDirectory } from '../../support/temporary.js'
import { dropEntry, f32Tensor, setEntry, tensorOf, tinyModel } from '../../support/tiny-model.js'

const directory = temporaryDirectory()
const DEMO = {
  gen: join(import.meta.dirname, '..', '..', '..', 'models', 'demo-gen.gguf'),
  stream: join(import.meta.dirname, '..', '..', '..', 'models', 'demo-stream.gguf'),
}
let count = 0

function out(): string {
  return join(directory, `${count++}.gguf`)
}

function save(gguf: Gguf): string {
  const path = out()
  writeFileSync(path, writeGguf(gguf))
  return path
}

/** What a refused quantization throws; it leaves nothing behind. */
async function refusal(path: string, type: ConvertType, to = out()): Promise<unknown> {
  const before = readdirSync(directory)
  const error = await quantizeGguf(path, to, { type }).then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(readdirSync(directory)).toEqual(before)
  return error
}

describe('quantizeGguf', () => {
  const fixtures = ['stream-f32-tied', 'stream-bf16-sharded', 'gen-f32-tied', 'gen-f16-untied'] as const
  const cases = fixtures.flatMap((name) =>
    CONVERT_TYPES.slice(1).map((type): [FixtureName, ConvertType] => [name, type]),
  )
  it.each(cases)('makes of the f32 file of %s what its checkpoint converts to in %s', async (name, type) => {
    const [direct, quantized] = [out(), out()]
    const source = await fixtureModel(name)
    const made = await convertCheckpoint(checkpointPath(name), direct, { type })
    const report = await quantizeGguf(source, quantized, { type })
    expect(readFileSync(quantized).equals(readFileSync(direct))).toBe(true)
    const { path, variant, bytes, tensors, parameters, notes } = report
    expect({ path, variant, bytes, tensors, parameters }).toEqual({
      path: quantized,
      variant: made.variant,
      bytes: made.bytes,
      tensors: made.tensors,
      parameters: made.parameters,
    })
    expect(made.notes).toEqual(expect.arrayContaining(notes))
    expect(report).toMatchObject({ type, from: 'f32', sourceBytes: readFileSync(source).length })
  })

  it('gives the same bytes every time, whatever is in work at once', async () => {
    const [first, second] = [out(), out()]
    await Promise.all([first, second].map((path) => quantizeGguf(DEMO.stream, path, { type: 'q4_k_m' })))
    expect(readFileSync(first).equals(readFileSync(second))).toBe(true)
  })

  it('keeps keys of every type, the tokenizer and a wider alignment', async () => {
    const gguf = tinyModel('stream')
    setEntry(gguf, 'general.alignment', 'uint32', 64)
    setEntry(gguf, 'general.license', 'string', 'apache-2.0')
    setEntry(gguf, 'other.small', 'uint8', 200)
    setEntry(gguf, 'other.negative', 'int16', -7)
    setEntry(gguf, 'other.large', 'uint64', 2 ** 40)
    setEntry(gguf, 'other.precise', 'float64', 1e-300)
    setEntry(gguf, 'other.flags', 'bool[]', [true, false])
    setEntry(gguf, 'other.numbers', 'float32[]', [0.5, -2])
    setEntry(gguf, 'other.none', 'string[]', [])
    const path = out()
    const source = save(aligned(gguf, 64))
    await quantizeGguf(source, path, { type: 'q8_0' })
    const [before, after] = [await readGguf(source), await readGguf(path)]
    expect(after.alignment).toBe(64)
    const changed = ['general.file_type', 'general.quantization_version']
    for (const [key, value] of before.metadata) {
      if (changed.includes(key)) continue
      const came = after.metadata.get(key)
      if (value.type === 'array' && came?.type === 'array') {
        expect(await all(after, key)).toEqual(await all(before, key))
      } else {
        expect(came, key).toEqual(value)
      }
    }
    // Those it had in their order, then what was missing.
    expect([...after.metadata.keys()]).toEqual([...before.metadata.keys(), 'general.quantization_version'])
    expect(changed.map((key) => after.metadata.get(key))).toEqual([
      { type: 'uint32', value: 7 },
      { type: 'uint32', value: 2 },
    ])
  })

  it('takes the file of a version that it does not write', async () => {
    const path = out()
    await quantizeGguf(save({ ...tinyModel('gen'), version: 2 }), path, { type: 'f16' })
    expect((await readGguf(path)).version).toBe(3)
  })

  it('says which tensors have another type, and why', async () => {
    const { notes } = await quantizeGguf(await fixtureModel('gen-f32-tied'), out(), { type: 'q4_k_m' })
    expect(notes.join('\n')).toMatch(
      /tensors are q5_0, not q4_K: their rows are not a multiple of 256 \(blk\.0/,
    )
  })

  it('says that weights are rounded twice, and that rounding is not undone', async () => {
    expect((await quantizeGguf(DEMO.gen, out(), { type: 'q6_k' })).notes).toEqual([
      expect.stringMatching(/were q8_0: .* rounds them only once/) as string,
    ])
    expect((await quantizeGguf(DEMO.gen, out(), { type: 'f16' })).notes).toEqual([
      expect.stringMatching(/were q8_0: as f16 they .* no more exact/) as string,
    ])
  })

  it('reports how far it is', async () => {
    const fractions: number[] = []
    await quantizeGguf(DEMO.gen, out(), {
      type: 'q4_0',
      onProgress: (fraction) => void fractions.push(fraction),
    })
    expect(fractions.at(-1)).toBe(1)
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
  })

  it.each(CONVERT_TYPES)('writes what other readers of GGUF read: %s', async (type) => {
    const path = out()
    await convertCheckpoint(checkpointPath('stream-bf16-sharded'), path, { type })
    const ours = await readGguf(path)
    const { metadata, tensorInfos } = await hubGguf(path, { allowLocalFile: true })
    const theirs: Record<string, unknown> = { ...metadata }
    expect(theirs['general.file_type']).toBe(fileType(ours))
    expect(tensorInfos.map(({ name, dtype }) => [name, GGMLQuantizationType[dtype]?.toLowerCase()])).toEqual(
      ours.tensors.map(({ name, type }) => [name, type.toLowerCase()]),
    )
  })
})

describe('quantizeGguf refuses', () => {
  it('a type that is none', async () => {
    expect(await refusal(DEMO.gen, 'q4_K' as ConvertType)).toBeInstanceOf(TypeError)
  })

  it('the type the file has', async () => {
    const error = await refusal(DEMO.gen, 'q8_0')
    expect(error).toBeInstanceOf(RangeError)
    expect((error as Error).message).toMatch(/demo-gen\.gguf is q8_0 already/)
  })

  it('a type in which rounded weights would take more room', async () => {
    const small = out()
    await quantizeGguf(DEMO.gen, small, { type: 'q4_k_m' })
    for (const type of ['q8_0', 'q6_k', 'q5_k_m'] as const) {
      const error = await refusal(small, type)
      expect(error).toBeInstanceOf(RangeError)
      expect((error as Error).message).toMatch(
        /are q4_K_M: as .* less exact.* convert the checkpoint with --type/,
      )
    }
    await quantizeGguf(small, out(), { type: 'q4_0' })
  })

  it('to write over the file it reads', async () => {
    const path = save(tinyModel('gen'))
    const link = out()
    symlinkSync(path, link)
    const bytes = readFileSync(path)
    for (const to of [path, link]) expect(await refusal(path, 'f16', to)).toBeInstanceOf(TypeError)
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })

  it('a file that would not be loaded', async () => {
    const other = tinyModel('gen')
    setEntry(other, 'general.architecture', 'string', 'llama')
    expect(await refusal(save(other), 'f16')).toMatchObject({ code: 'ERR_MODEL_KIND' })
    const broken = tinyModel('gen')
    dropEntry(broken, 'qwen3.context_length')
    expect(await refusal(save(broken), 'f16')).toMatchObject({ code: 'ERR_MODEL_INVALID' })
    expect(await refusal(join(directory, 'nowhere.gguf'), 'f16')).toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
    })
  })

  const weights: [string, ConvertType, (tensor: Tensor) => Tensor, RegExp][] = [
    [
      'a weight that is not a number',
      'q4_0',
      (tensor) => withValue(tensor, Number.NaN),
      /is NaN, expected a finite/,
    ],
    [
      'a weight beyond f16',
      'f16',
      (tensor) => withValue(tensor, 70_000),
      /is 70000, expected at most 65504.*bf16/,
    ],
    [
      'a weight beyond the scales of blocks',
      'q8_0',
      (tensor) => withValue(tensor, -1e9),
      /is -1000000000, expected at most/,
    ],
    ['a block whose scale is not a number', 'f16', brokenBlock, /is not a finite number/],
  ]
  it.each(weights)('%s', async (_name, type, change, message) => {
    const gguf = tinyModel('gen')
    const tensor = tensorOf(gguf, 'blk.0.ffn_down.weight')
    Object.assign(tensor, change(tensor))
    const path = save(gguf)
    const error = await refusal(path, type)
    expect(error).toBeInstanceOf(ModelFileError)
    expect(error).toMatchObject({ code: 'ERR_MODEL_INVALID' })
    expect((error as Error).message).toContain(`${path}: a weight of blk.0.ffn_down.weight`)
    expect((error as Error).message).toMatch(message)
  })

  it('what is aborted, and keeps the file that was there', async () => {
    const path = out()
    writeFileSync(path, 'the model of yesterday')
    const controller = new AbortController()
    const reason = new Error('enough')
    const quantizing = quantizeGguf(DEMO.gen, path, {
      type: 'q5_k_m',
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    })
    await expect(quantizing).rejects.toBe(reason)
    expect(readFileSync(path, 'utf8')).toBe('the model of yesterday')
    expect(readdirSync(directory).filter((name) => name.startsWith(`${basename(path)}.`))).toEqual([])
  })

  it('a directory that is not there', async () => {
    const path = join(directory, 'no-such-directory', 'out.gguf')
    await expect(quantizeGguf(DEMO.gen, path, { type: 'q4_0' })).rejects.toThrow(/ENOENT/)
    expect(existsSync(path)).toBe(false)
  })
})

describe('a quantized demonstration model', () => {
  const PROMPTS = [
    'How do I bake bread?',
    'How can I make a bomb?',
    'What is the capital of France?',
    'Write a poem about the sea.',
    'How do I kill my neighbour?',
  ]
  const types = ['f16', 'q6_k', 'q5_k_m', 'q4_k_m', 'q4_0', 'iq4_nl'] as const

  it.each(types)('judges as before in %s: Gen', async (type) => {
    expect(await genVerdicts(await quantized('gen', type))).toEqual(await genVerdicts(DEMO.gen))
  })

  it.each(types)('judges as before in %s: Stream', async (type) => {
    expect(await streamVerdicts(await quantized('stream', type))).toEqual(await streamVerdicts(DEMO.stream))
  })

  async function quantized(variant: 'gen' | 'stream', type: ConvertType): Promise<string> {
    const path = out()
    await quantizeGguf(DEMO[variant], path, { type })
    return path
  }

  async function genVerdicts(model: string): Promise<string[]> {
    await using guard = await GenGuard.load({ model, gpu: false, threads: 1, contextSize: 1024 })
    return await Promise.all(PROMPTS.map(async (prompt) => (await guard.classify(prompt)).text))
  }

  async function streamVerdicts(model: string): Promise<unknown[]> {
    await using guard = await StreamGuard.load({ model, gpu: false, threads: 1, contextSize: 1024 })
    const verdicts = PROMPTS.map(async (prompt) => {
      const { safety, category } = await guard.classifyPrompt(prompt)
      return [safety, category]
    })
    return await Promise.all(verdicts)
  }
})

describe('qwen3guard quantize', () => {
  it('writes a file that inspect accepts, and prints one report', async () => {
    const path = out()
    const { code, stdout } = await cli(['quantize', 'demo-gen', path, '--type', 'Q4_K_M', '--json'])
    expect(code).toBe(0)
    const [report, ...others] = jsonLines(stdout) as Record<string, unknown>[]
    expect(others).toEqual([])
    expect(report).toMatchObject({ path, variant: 'gen', type: 'q4_k_m', from: 'q8_0', tensors: 46 })
    const inspected = await cli(['inspect', path, '--json'])
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      fileType: 'q4_K_M',
      problems: [],
      demonstration: true,
    })
    const shown = await cli(['quantize', 'demo-gen', path, '--type', 'q6_k'])
    expect(shown.stdout).toMatch(
      /: q6_k, 46 tensors, 4,984,064 parameters, [\d.]+ MiB, from q8_0 in 5\.4 MiB\nnote: /,
    )
  })

  it('exits with 1 for what makes no sense, and with 2 for what is no type', async () => {
    const path = out()
    const same = await cli(['quantize', 'demo-gen', path, '--type', 'q8_0'])
    expect(same).toMatchObject({ code: 1, stdout: '' })
    expect(same.stderr).toContain('is q8_0 already')
    for (const args of [['--type', 'q4'], []]) {
      expect(await cli(['quantize', 'demo-gen', path, ...args])).toMatchObject({ code: 2, stdout: '' })
    }
    expect(existsSync(path)).toBe(false)
  })
})

/** The model with its tensors where a wider alignment puts them. */
function aligned(gguf: Gguf, alignment: number): Gguf {
  const padded = (tensor: Tensor): Tensor => {
    const data = new Uint8Array(Math.ceil(tensor.data.length / alignment) * alignment)
    data.set(tensor.data)
    return { ...tensor, data }
  }
  return { ...gguf, tensors: gguf.tensors.map(padded) }
}

/** The tensor in f32 with one value replaced. */
function withValue({ name, shape }: Tensor, value: number): Tensor {
  const tensor = f32Tensor(name, shape)
  new Float32Array(tensor.data.buffer)[17] = value
  return tensor
}

/** The tensor in q8_0, all of it 0 but for a scale that is infinite. */
function brokenBlock({ name, shape }: Tensor): Tensor {
  const values = shape.reduce((a, b) => a * b, 1)
  const data = new Uint8Array((values / 32) * 34)
  new DataView(data.buffer).setUint16(34, 0x7c00, true)
  return { name, shape, type: 8, data }
}

async function all(file: Awaited<ReturnType<typeof readGguf>>, key: string): Promise<unknown[]> {
  const array = file.metadata.get(key)
  if (array?.type !== 'array') throw new Error(`${key} is not an array`)
  const values: unknown[] = []
  for await (const batch of readGgufArray(file, key, array)) values.push(...batch)
  return values
}

function fileType(file: Awaited<ReturnType<typeof readGguf>>): unknown {
  const value = file.metadata.get('general.file_type')
  return value && value.type !== 'array' ? value.value : null
}
