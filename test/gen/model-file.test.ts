// Model files that other tools made: what GenGuard says about them, and what mends it.
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { DecodeError, GenGuard, ModelKindError, TemplateError } from '../../lib/index.js'
import { describeGguf } from '../../lib/models/gguf/describe.js'
import { readGguf } from '../../lib/models/gguf/reader.js'
import { resolveModel } from '../../lib/models/resolve.js'
import { fixtureModel } from '../support/fixture-model.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const PROMPT = 'How can I make a bomb?'
const CHATML =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

let demo: string
let template: string

beforeAll(async () => {
  demo = resolveModel('demo-gen', 'gen')
  template = describeGguf(await readGguf(demo)).chatTemplate as string
})

/** A copy of the demonstration model in which some bytes are others, of the same length. */
async function patched(name: string, from: string, to: string): Promise<string> {
  const bytes = await readFile(demo)
  const at = bytes.indexOf(from)
  expect(at).toBeGreaterThan(0)
  expect(Buffer.byteLength(to)).toBe(Buffer.byteLength(from))
  bytes.write(to, at)
  const file = path.join(directory, `${name}.gguf`)
  await writeFile(file, bytes)
  return file
}

async function judge(options: { model: string; chatTemplate?: string }): Promise<string> {
  await using guard = await GenGuard.load({ gpu: false, kvType: 'f32', ...options })
  return (await guard.classify(PROMPT)).text
}

describe("another tool's GGUF", () => {
  it('whose template asks for a refusal of prompts too says none of them', async () => {
    const role = "messages[-1].role == 'assistant'"
    expect(template).toContain(role)
    const chatTemplate = template.replace(role, 'true')
    await using guard = await GenGuard.load({ gpu: false, model: demo, chatTemplate })
    const verdict = await guard.classify(PROMPT)
    expect(verdict.text).toContain('Refusal:')
    expect(verdict).toMatchObject({ refusal: null, scores: { refusal: null } })
  })

  it('without a chat template is refused, and mended by one', async () => {
    const model = await patched(
      'none',
      'tokenizer.chat_template',
      'tokenizer.chat_template'.replace(/e$/, '_'),
    )
    const loading = GenGuard.load({ model, gpu: false })
    await expect(loading).rejects.toThrow(TemplateError)
    await expect(loading).rejects.toThrow(/no chat template.*chatTemplate.*--chat-template FILE/)
    expect(await judge({ model, chatTemplate: template })).toBe(await judge({ model: demo }))
  })

  it('with a general chat template is refused, and mended by the right one', async () => {
    const room = Buffer.byteLength(template) - Buffer.byteLength(CHATML) - 4
    const model = await patched('chatml', template, `${CHATML}{#${' '.repeat(room)}#}`)
    let read = false
    const loading = GenGuard.load({
      model,
      gpu: false,
      onProgress: () => {
        read = true
      },
    })
    await expect(loading).rejects.toThrow(TemplateError)
    await expect(loading).rejects.toThrow(/chats instead of classifying.*chatTemplate/)
    // Gigabytes, of a real model.
    expect(read).toBe(false)
    expect(await judge({ model, chatTemplate: template })).toBe(await judge({ model: demo }))
  })

  it('whose template is sound is refused with a general one', async () => {
    const loading = GenGuard.load({ model: demo, gpu: false, chatTemplate: CHATML })
    await expect(loading).rejects.toThrow(TemplateError)
  })
})

describe('a vocabulary', () => {
  it('that begins two labels with one token is refused', async () => {
    const loading = GenGuard.load({ model: await fixtureModel('gen-f32-tied'), gpu: false })
    await expect(loading).rejects.toThrow(ModelKindError)
    await expect(loading).rejects.toThrow(/begins two of the labels .* with one token/)
  })

  it('without the token that ends an answer is refused', async () => {
    const model = await patched('no-end', '<|im_end|>', '<|im_eNd|>')
    const loading = GenGuard.load({ model, gpu: false })
    await expect(loading).rejects.toThrow(ModelKindError)
    await expect(loading).rejects.toThrow(/no <\|im_end\|>/)
  })
})

describe('weights that are not numbers', () => {
  it('are a DecodeError, never a verdict, and leave nothing behind', async () => {
    const bytes = await readFile(demo)
    // The scale of the first block of the first token's row, which is the output's as well.
    const table = (await readGguf(demo)).tensors.find(({ name }) => name === 'token_embd.weight')
    bytes.writeUInt16LE(0x7e00, table?.offset)
    const model = path.join(directory, 'nan.gguf')
    await writeFile(model, bytes)
    await using guard = await GenGuard.load({ model, gpu: false, maxSequences: 2, contextSize: 1024 })
    for (let i = 0; i < 3; i++) {
      const judging = guard.classify(PROMPT)
      await expect(judging).rejects.toThrow(DecodeError)
      await expect(judging).rejects.toThrow(/not finite/)
    }
    const windows = guard.classify(`${PROMPT} `.repeat(300), { tooLong: 'window' })
    await expect(windows).rejects.toThrow(DecodeError)
    expect(guard.stats()).toMatchObject({ queued: 0, openSequences: 0, cellsUsed: 0 })
  })
})
