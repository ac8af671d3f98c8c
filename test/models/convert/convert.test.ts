import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gguf as hubGguf } from '@huggingface/gguf'
import { describe, expect, it } from 'vitest'
import { loadBinding } from '../../../lib/binding/addon.js'
import type { ConvertType } from '../../../lib/models/convert/convert.js'
import { convertCheckpoint } from '../../../lib/models/convert/convert.js'
import { readGgufArray } from '../../../lib/models/gguf/array.js'
import { describeGguf } from '../../../lib/models/gguf/describe.js'
import { readGguf } from '../../../lib/models/gguf/reader.js'
import { constant, copyCheckpoint, editJson, editTensors, readTensors } from '../../support/checkpoint.js'
import { checkpointPath } from '../../support/fixtures.js'
import { temporaryDirectory } from '../../support/temporary.js'

const directory = temporaryDirectory()
let count = 0

function out(): string {
  return join(directory, `${count++}.gguf`)
}

function copy(name: string): string {
  return copyCheckpoint(name, directory, `checkpoint-${count++}`)
}

async function strings(path: string, key: string): Promise<string[]> {
  const file = await readGguf(path)
  const array = file.metadata.get(key)
  if (array?.type !== 'array') throw new Error(`${key} is not an array`)
  const all: string[] = []
  for await (const batch of readGgufArray(file, key, array)) all.push(...batch.map(String))
  return all
}

describe('convertCheckpoint', () => {
  it('writes a Stream checkpoint with its labels and heads', async () => {
    const path = out()
    const fractions: number[] = []
    const report = await convertCheckpoint(checkpointPath('stream-f32-tied'), path, {
      type: 'f32',
      demonstration: true,
      name: 'A name',
      onProgress: (fraction) => void fractions.push(fraction),
    })
    expect(report).toMatchObject({
      path,
      variant: 'stream',
      type: 'f32',
      tensors: 43,
      bytes: readFileSync(path).length,
    })
    const description = describeGguf(await readGguf(path))
    expect(description).toMatchObject({
      variant: 'stream',
      name: 'A name',
      demonstration: true,
      fileType: 'f32',
    })
    expect(description.parameters).toBe(report.parameters)
    // The checkpoint spells the first with literal quotes.
    expect(description.heads?.response.category[0]).toBe('Violent')
    expect(description.heads?.response.risk).toEqual(['Safe', 'Unsafe', 'Controversial'])
    expect(description.heads?.query.category).toHaveLength(9)
    expect(fractions.at(-1)).toBe(1)
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
  })

  it('writes every value of an f32 checkpoint as it is', async () => {
    const path = out()
    await convertCheckpoint(checkpointPath('gen-f32-tied'), path, { type: 'f32' })
    const bytes = readFileSync(path)
    const source = readTensors(join(checkpointPath('gen-f32-tied'), 'model.safetensors'))
    const { tensors } = await readGguf(path)
    const at = (name: string) => {
      const tensor = tensors.find((one) => one.name === name)!
      return bytes.subarray(tensor.offset, tensor.offset + tensor.bytes)
    }
    expect(at('token_embd.weight').equals(source.get('model.embed_tokens.weight')!.data)).toBe(true)
    expect(at('blk.2.attn_q.weight').equals(source.get('model.layers.2.self_attn.q_proj.weight')!.data)).toBe(
      true,
    )
    expect(at('blk.1.ffn_down.weight').equals(source.get('model.layers.1.mlp.down_proj.weight')!.data)).toBe(
      true,
    )
    expect(tensors).toHaveLength(source.size)
    expect(tensors.map(({ name }) => name)).not.toContain('output.weight')
  })

  it('drops an LM head that Stream does not use, and says so', async () => {
    const path = out()
    const { notes } = await convertCheckpoint(checkpointPath('stream-bf16-sharded'), path, { type: 'bf16' })
    expect(notes.join('\n')).toMatch(/lm_head\.weight is left out/)
    const { tensors } = await readGguf(path)
    expect(tensors.map(({ name }) => name)).not.toContain('output.weight')
  })

  it('keeps the LM head of an untied Gen checkpoint', async () => {
    const path = out()
    await convertCheckpoint(checkpointPath('gen-f16-untied'), path, { type: 'f16' })
    const { tensors } = await readGguf(path)
    expect(tensors.find(({ name }) => name === 'output.weight')).toMatchObject({
      type: 'f16',
      shape: [64, 544],
    })
  })

  it('drops a copy of the embedding that a tied checkpoint carries', async () => {
    const from = copy('gen-f32-tied')
    editTensors(join(from, 'model.safetensors'), (tensors) => {
      tensors.set('lm_head.weight', tensors.get('model.embed_tokens.weight')!)
    })
    const { notes } = await convertCheckpoint(from, out(), { type: 'f32' })
    expect(notes.join('\n')).toMatch(/ties it to the embedding/)
  })

  it.each<[ConvertType, string, number]>([
    ['f32', 'f32', 0],
    ['f16', 'f16', 1],
    ['bf16', 'bf16', 32],
    ['q8_0', 'q8_0', 7],
  ])('writes matrices as %s, norms and heads as f32', async (type, matrix, fileType) => {
    const path = out()
    await convertCheckpoint(checkpointPath('stream-bf16-sharded'), path, { type })
    const file = await readGguf(path)
    expect(file.metadata.get('general.file_type')).toEqual({ type: 'uint32', value: fileType })
    for (const { name, type: stored } of file.tensors) {
      expect(stored, name).toBe(/norm|^cls\./.test(name) ? 'f32' : matrix)
    }
  })

  it('writes rows that blocks of 32 do not divide as f16, and says so', async () => {
    const from = copy('gen-f32-tied')
    editJson(join(from, 'config.json'), (config) => {
      config.intermediate_size = 80
    })
    editTensors(join(from, 'model.safetensors'), (tensors) => {
      for (let i = 0; i < 3; i++) {
        const mlp = `model.layers.${i}.mlp`
        tensors.set(`${mlp}.gate_proj.weight`, constant([80, 64], 0.1))
        tensors.set(`${mlp}.up_proj.weight`, constant([80, 64], 0.1))
        tensors.set(`${mlp}.down_proj.weight`, constant([64, 80], 0.1))
      }
    })
    const path = out()
    const { notes } = await convertCheckpoint(from, path, { type: 'q8_0' })
    expect(notes.join('\n')).toMatch(/3 tensors are f16, not q8_0.*blk\.0\.ffn_down\.weight/)
    const { tensors } = await readGguf(path)
    expect(tensors.find(({ name }) => name === 'blk.0.ffn_down.weight')?.type).toBe('f16')
    expect(tensors.find(({ name }) => name === 'blk.0.ffn_up.weight')?.type).toBe('q8_0')
  })

  it('marks all added tokens CONTROL and names rows without a token', async () => {
    const path = out()
    await convertCheckpoint(checkpointPath('gen-f32-tied'), path, { type: 'f32' })
    const tokens = await strings(path, 'tokenizer.ggml.tokens')
    const types = (await strings(path, 'tokenizer.ggml.token_type')).map(Number)
    expect(tokens).toHaveLength(544)
    expect(types[tokens.indexOf('<|im_end|>')]).toBe(3)
    expect(types[tokens.indexOf('<think>')]).toBe(3)
    expect(types[tokens.indexOf('<tool_call>')]).toBe(3)
    expect(types.filter((type) => type === 3)).toHaveLength(26)
    expect(tokens[543]).toBe('[PAD543]')
    expect(types[543]).toBe(5)
    const file = await readGguf(path)
    expect(file.metadata.get('tokenizer.ggml.eos_token_id')?.type).toBe('uint32')
    expect(file.metadata.get('tokenizer.ggml.eos_token_id')).toMatchObject({
      value: tokens.indexOf('<|im_end|>'),
    })
    expect(file.metadata.get('tokenizer.ggml.padding_token_id')).toMatchObject({
      value: tokens.indexOf('<|endoftext|>'),
    })
  })

  it('reads merges in either spelling', async () => {
    const [pairs, text] = [out(), out()]
    await convertCheckpoint(checkpointPath('stream-f32-tied'), pairs, { type: 'f32' })
    await convertCheckpoint(checkpointPath('stream-bf16-sharded'), text, { type: 'f32' })
    const merges = await strings(pairs, 'tokenizer.ggml.merges')
    expect(merges.length).toBeGreaterThan(200)
    expect(merges.every((merge) => merge.split(' ').length === 2)).toBe(true)
    expect(await strings(text, 'tokenizer.ggml.merges')).toEqual(merges)
  })

  it('takes chat_template.jinja before the entry in tokenizer_config.json', async () => {
    const path = out()
    await convertCheckpoint(checkpointPath('gen-f32-tied'), path, { type: 'f32' })
    const { chatTemplate } = describeGguf(await readGguf(path))
    expect(chatTemplate).toBe(
      readFileSync(join(checkpointPath('gen-f32-tied'), 'chat_template.jinja'), 'utf8'),
    )
    const other = out()
    await convertCheckpoint(checkpointPath('gen-f16-untied'), other, { type: 'f32' })
    expect(describeGguf(await readGguf(other)).chatTemplate).toContain('Answer with Safety:')
  })

  it('takes licence and base model from the model card', async () => {
    const from = copy('gen-f32-tied')
    writeFileSync(
      join(from, 'README.md'),
      '---\nlicense: apache-2.0\nbase_model:\n- Qwen/Qwen3-0.6B\n---\n# Card\n',
    )
    const path = out()
    await convertCheckpoint(from, path, { type: 'f32' })
    const file = await readGguf(path)
    expect(describeGguf(file).license).toBe('apache-2.0')
    expect(file.metadata.get('general.base_model.0.name')).toMatchObject({ value: 'Qwen3-0.6B' })
  })

  it('gives the same bytes every time', async () => {
    const [first, second] = [out(), out()]
    for (const path of [first, second]) {
      await convertCheckpoint(checkpointPath('stream-bf16-sharded'), path, { type: 'q8_0' })
    }
    expect(readFileSync(first).equals(readFileSync(second))).toBe(true)
  })

  it('writes what other readers of GGUF read', async () => {
    const path = out()
    await convertCheckpoint(checkpointPath('stream-bf16-sharded'), path, { type: 'q8_0' })
    const { metadata, tensorInfos } = await hubGguf(path, { allowLocalFile: true })
    const ours = await readGguf(path)
    const theirs: Record<string, unknown> = { ...metadata }
    expect(theirs['general.architecture']).toBe('qwen3')
    expect(theirs['qwen3guard.query.category_labels']).toHaveLength(9)
    expect(theirs['tokenizer.ggml.tokens']).toEqual(await strings(path, 'tokenizer.ggml.tokens'))
    expect(tensorInfos.map(({ name, shape }) => [name, shape.map(Number)])).toEqual(
      ours.tensors.map(({ name, shape }) => [name, [...shape]]),
    )
  })

  it('reads big tensors in slabs that join without a seam', async () => {
    // 20 MiB of embedding: more than one slab.
    const from = copy('gen-f32-tied')
    const rows = 81_920
    const values = Float32Array.from({ length: rows * 64 }, (_, i) => (i % 8191) / 8191)
    editJson(join(from, 'config.json'), (config) => {
      config.vocab_size = rows
    })
    editTensors(join(from, 'model.safetensors'), (tensors) => {
      tensors.set('model.embed_tokens.weight', {
        dtype: 'F32',
        shape: [rows, 64],
        data: Buffer.from(values.buffer),
      })
    })
    const path = out()
    await convertCheckpoint(from, path, { type: 'q8_0' })
    const { tensors } = await readGguf(path)
    const embedding = tensors.find(({ name }) => name === 'token_embd.weight')!
    const written = readFileSync(path).subarray(embedding.offset, embedding.offset + embedding.bytes)
    const whole = await loadBinding().encodeRows(new Uint8Array(values.buffer), 'f32', 'q8_0', 64)
    expect(written.equals(whole)).toBe(true)
  })
})

describe('convertCheckpoint leaves nothing behind', () => {
  it('when it is aborted', async () => {
    const path = out()
    const controller = new AbortController()
    const reason = new Error('enough')
    const converting = convertCheckpoint(checkpointPath('gen-f32-tied'), path, {
      type: 'q8_0',
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    })
    await expect(converting).rejects.toBe(reason)
    expect(readdirSync(directory).filter((name) => name.startsWith(basename(path)))).toEqual([])
  })

  it('when a callback throws', async () => {
    const path = out()
    const converting = convertCheckpoint(checkpointPath('gen-f32-tied'), path, {
      type: 'f32',
      onProgress: () => {
        throw new Error('no display')
      },
    })
    await expect(converting).rejects.toThrow('no display')
    expect(readdirSync(directory).filter((name) => name.startsWith(basename(path)))).toEqual([])
  })

  it('and keeps the file that was there', async () => {
    const path = out()
    writeFileSync(path, 'the model of yesterday')
    const from = copy('gen-f32-tied')
    editTensors(join(from, 'model.safetensors'), (tensors) => {
      const norm = tensors.get('model.norm.weight')!
      tensors.set('model.norm.weight', {
        ...norm,
        data: Buffer.from(new Float32Array(64).fill(Number.NaN).buffer),
      })
    })
    await expect(convertCheckpoint(from, path, { type: 'f32' })).rejects.toThrow(
      /a weight of model\.norm\.weight is NaN/,
    )
    expect(readFileSync(path, 'utf8')).toBe('the model of yesterday')
  })

  it('where it cannot write', async () => {
    const path = join(directory, 'no-such-directory', 'out.gguf')
    await expect(convertCheckpoint(checkpointPath('gen-f32-tied'), path, { type: 'f32' })).rejects.toThrow(
      /ENOENT/,
    )
    expect(existsSync(path)).toBe(false)
  })
})
