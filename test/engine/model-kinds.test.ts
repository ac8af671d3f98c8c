// What people load by mistake, and what they are told.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { GenGuard, ModelKindError, StreamGuard, TemplateError } from '../../lib/index.js'
import { type Gguf, writeGguf } from '../support/gguf-writer.js'
import { temporaryDirectory } from '../support/temporary.js'
import { setEntry, tinyModel } from '../support/tiny-model.js'

const directory = temporaryDirectory()
const CHATML = '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}'
let count = 0

function save(gguf: Gguf): string {
  const path = join(directory, `${count++}.gguf`)
  writeFileSync(path, writeGguf(gguf))
  return path
}

/** A plain Qwen3, as llama.cpp's converter writes it. */
function chatModel(name: string): Gguf {
  const gguf = tinyModel('gen')
  gguf.metadata = gguf.metadata.filter(([key]) => !key.startsWith('qwen3guard.'))
  setEntry(gguf, 'general.name', 'string', name)
  setEntry(gguf, 'tokenizer.chat_template', 'string', CHATML)
  return gguf
}

async function refusal(guard: typeof GenGuard | typeof StreamGuard, model: string): Promise<Error> {
  const error = await guard.load({ model, gpu: false }).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(Error)
  return error as Error
}

describe('GenGuard.load', () => {
  it('says that a Stream file is one, and what loads it', async () => {
    const error = await refusal(GenGuard, 'demo-stream')
    expect(error).toBeInstanceOf(ModelKindError)
    expect(error.message).toMatch(
      /demo-stream\.gguf is a Qwen3Guard-Stream model \(".+"\): load it with StreamGuard/,
    )
    expect(error.message).toMatch(/GenGuard needs a Qwen3Guard-Gen file: .*pull qwen3guard-gen-0\.6b/)
  })

  it('takes a file by its name for a plain chat model, or for Gen without its template', async () => {
    const chat = await refusal(GenGuard, save(chatModel('Qwen3 0.6B')))
    expect(chat).toBeInstanceOf(TemplateError)
    expect(chat.message).toMatch(/"Qwen3 0\.6B"\) is probably a plain chat model.*pull qwen3guard-gen-0\.6b/)
    const gen = await refusal(GenGuard, save(chatModel('Qwen3Guard-Gen-0.6B')))
    expect(gen).toBeInstanceOf(TemplateError)
    expect(gen.message).toMatch(/"Qwen3Guard-Gen-0\.6B"\) lacks its own template\. Give .*`chatTemplate`/)
    expect(gen.message).not.toMatch(/plain chat model/)
  })
})

describe('StreamGuard.load', () => {
  it('says that a Gen file is one, and what loads it', async () => {
    const error = await refusal(StreamGuard, 'demo-gen')
    expect(error).toBeInstanceOf(ModelKindError)
    expect(error.message).toMatch(/demo-gen\.gguf is a Qwen3Guard-Gen model \(".+"\): load it with GenGuard/)
    expect(error.message).toMatch(
      /StreamGuard needs a Qwen3Guard-Stream file: .*pull qwen3guard-stream-0\.6b/,
    )
  })

  it('says that a plain Qwen3 has no guard heads', async () => {
    const error = await refusal(StreamGuard, save(chatModel('Qwen3 0.6B')))
    expect(error).toBeInstanceOf(ModelKindError)
    expect(error.message).toMatch(/a plain Qwen3 model \("Qwen3 0\.6B"\) without guard heads/)
    expect(error.message).toMatch(/qwen3guard-stream-0\.6b/)
  })
})

describe.each([
  ['GenGuard', GenGuard],
  ['StreamGuard', StreamGuard],
] as const)('%s.load', (_name, guard) => {
  it('names another architecture and the one it runs', async () => {
    const gguf = tinyModel('gen')
    setEntry(gguf, 'general.architecture', 'string', 'llama')
    setEntry(gguf, 'general.name', 'string', 'Llama Guard 3 1B')
    const error = await refusal(guard, save(gguf))
    expect(error).toBeInstanceOf(ModelKindError)
    expect(error.message).toMatch(/of "Llama Guard 3 1B" is "llama", expected "qwen3"/)
    expect(error.message).toMatch(/npx qwen3guard pull/)
  })

  it('says what to do with an adapter', async () => {
    const gguf = tinyModel('gen')
    setEntry(gguf, 'general.type', 'string', 'adapter')
    const error = await refusal(guard, save(gguf))
    expect(error).toBeInstanceOf(ModelKindError)
    expect(error.message).toMatch(/holds a "adapter", expected a whole model: merge it/)
  })
})
