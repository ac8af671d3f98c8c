import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inspectGguf } from '../../lib/cli/inspection.js'
import { GenGuard, type Message, StreamGuard, TemplateError } from '../../lib/index.js'
import { qwen3Tensors } from '../../lib/models/gguf/qwen3-tensors.js'
import { ChatTemplate } from '../../lib/tokenizer/chat-template.js'
import { cli, jsonLines } from '../support/cli.js'
import { type Gguf, writeGguf } from '../support/gguf-writer.js'
import { temporaryDirectory } from '../support/temporary.js'
import { dropEntry, setEntry, tensorOf, tinyModel } from '../support/tiny-model.js'

const directory = temporaryDirectory()
const TEMPLATES = join(import.meta.dirname, '..', 'fixtures', 'rendered')
const QWEN3 = readFileSync(join(TEMPLATES, 'qwen3_template.jinja'), 'utf8')
const GEN = readFileSync(join(TEMPLATES, 'gen_template.jinja'), 'utf8')
const CHATML = '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}'

function save(name: string, content: Gguf | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, content instanceof Uint8Array ? content : writeGguf(content))
  return path
}

function withTemplate(variant: 'gen' | 'stream', template: string): Gguf {
  const gguf = tinyModel(variant)
  setEntry(gguf, 'tokenizer.chat_template', 'string', template)
  return gguf
}

describe('inspectGguf', () => {
  it('shows what a Stream file is, what loads it and what that takes', async () => {
    const gguf = withTemplate('stream', QWEN3)
    setEntry(gguf, 'general.license', 'string', 'apache-2.0')
    setEntry(gguf, 'general.base_model.0.name', 'string', 'Qwen3-0.6B')
    setEntry(gguf, 'general.base_model.0.organization', 'string', 'Qwen')
    const inspection = await inspectGguf(save('stream.gguf', gguf))
    expect(inspection).toMatchObject({
      variant: 'stream',
      name: 'tiny',
      license: 'apache-2.0',
      baseModel: 'Qwen/Qwen3-0.6B',
      fileType: 'f32',
      bitsPerWeight: 32,
      shape: { context: 128, embedding: 32, blocks: 1, heads: 2, headsKv: 1, headSize: 16, feedForward: 32 },
      tokenizer: {
        model: 'gpt2',
        pre: 'qwen2',
        tokens: 288,
        merges: 4,
        added: { control: 5, userDefined: 0 },
      },
      template: { kind: 'qwen3', length: QWEN3.length },
      guard: 'StreamGuard',
      templateProblem: null,
      problems: [],
    })
    const { weights, kvCache, kept, compute, total } = inspection.memory!
    expect(weights).toBe(inspection.sizeBytes)
    // 32 sequences of 128 positions, in steps of 256; keys and values of one layer and head in f16.
    expect(kvCache).toBe(32 * 256 * 2 * 16 * 2)
    expect(total).toBe(weights + kvCache + kept + compute)
  })

  it('counts the added tokens that content can write', async () => {
    const gguf = withTemplate('gen', GEN)
    const types = gguf.metadata.find(([key]) => key === 'tokenizer.ggml.token_type')!
    types[2] = (types[2] as number[]).map((type, id) => (type === 3 && id % 2 === 0 ? 4 : type))
    const { tokenizer } = await inspectGguf(save('user-defined.gguf', gguf))
    expect(tokenizer.added.control + tokenizer.added.userDefined).toBe(5)
    expect(tokenizer.added.userDefined).toBeGreaterThan(0)
  })

  it.each([
    ['gen', GEN, 'gen', null],
    ['gen', QWEN3, 'qwen3', /does not ask for 'Safety:'.*chatTemplate/],
    ['gen', CHATML, 'other', /does not ask for 'Safety:'.*chatTemplate/],
    ['gen', '{% for %}', 'broken', /does not compile/],
    ['stream', CHATML, 'other', /not Qwen3's: give Qwen3's with the option `chatTemplate`/],
    ['stream', GEN, 'gen', /not Qwen3's/],
  ] as const)('tells chat templates of a %s file apart: %#', async (variant, template, kind, problem) => {
    const inspection = await inspectGguf(save('template.gguf', withTemplate(variant, template)))
    expect(inspection.template.kind).toBe(kind)
    expect(inspection.problems).toEqual([])
    if (problem === null) expect(inspection.templateProblem).toBeNull()
    else expect(inspection.templateProblem).toMatch(problem)
  })

  it('says so where there is no chat template', async () => {
    for (const [variant, message] of [
      ['gen', /has no chat template/],
      ['stream', /there is no chat template/],
    ] as const) {
      const gguf = tinyModel(variant)
      dropEntry(gguf, 'tokenizer.chat_template')
      const inspection = await inspectGguf(save('none.gguf', gguf))
      expect(inspection.template).toEqual({ kind: null, length: 0 })
      expect(inspection.templateProblem).toMatch(message)
    }
  })

  it('says what a plain Qwen3 chat model lacks', async () => {
    const gguf = withTemplate('gen', QWEN3)
    gguf.metadata = gguf.metadata.filter(([key]) => !key.startsWith('qwen3guard.'))
    setEntry(gguf, 'general.name', 'string', 'Qwen3 0.6B')
    const inspection = await inspectGguf(save('chat.gguf', gguf))
    expect(inspection).toMatchObject({ variant: null, guard: 'GenGuard', problems: [] })
    expect(inspection.templateProblem).toMatch(/"Qwen3 0\.6B"\) is probably a plain chat model/)
  })

  it('has neither a guard nor a memory need for a file it refuses', async () => {
    const gguf = tinyModel('gen')
    setEntry(gguf, 'general.architecture', 'string', 'llama')
    setEntry(gguf, 'general.name', 'string', 'Llama 3.2 1B')
    const inspection = await inspectGguf(save('llama.gguf', gguf))
    expect(inspection).toMatchObject({
      architecture: 'llama',
      guard: null,
      memory: null,
      templateProblem: null,
    })
    expect(inspection.problems).toEqual([
      expect.stringMatching(/of "Llama 3\.2 1B" is "llama", expected "qwen3"/) as string,
    ])
  })

  // Other file systems write out the hole.
  it.skipIf(process.platform === 'win32')('reads no weights, however many there are', async () => {
    const gguf = withTemplate('gen', GEN)
    const [embedding, feedForward, blocks] = [8192, 1 << 17, 4]
    for (const [key, value] of [
      ['block_count', blocks],
      ['embedding_length', embedding],
      ['feed_forward_length', feedForward],
    ] as const) {
      setEntry(gguf, `qwen3.${key}`, 'uint32', value)
    }
    const sizes = { vocab: 288, embedding, blocks, heads: 2, headsKv: 1, headSize: 16, feedForward }
    let offset = 0
    gguf.tensors = qwen3Tensors(sizes, 'tied').map(({ name, shape }) => {
      const tensor = { name, type: 0, shape: [...shape], offset, data: new Uint8Array(0) }
      offset += Math.ceil((shape.reduce((a, b) => a * b, 1) * 4) / 32) * 32
      return tensor
    })
    const path = save('large.gguf', gguf)
    truncateSync(path, readFileSync(path).length + offset)
    const inspection = await inspectGguf(path)
    expect(inspection.problems).toEqual([])
    expect(inspection.sizeBytes).toBeGreaterThan(48 * 2 ** 30)
    expect(inspection.memory?.weights).toBeGreaterThanOrEqual(inspection.sizeBytes)
    expect(inspection.parameters).toBeGreaterThan(12e9)
  })
})

describe('inspect', () => {
  it('shows people all of it', async () => {
    const { code, stdout } = await cli(['inspect', 'demo-gen'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^licence +\S/m)
    expect(stdout).toMatch(
      /^network +4 layers, hidden 256, feed-forward 512, 2 heads and 1 KV heads of 128$/m,
    )
    expect(stdout).toMatch(/^context +8,192 positions$/m)
    expect(stdout).toMatch(/^weights +q8_0, 4,984,064 parameters of 8\.\d\d bits$/m)
    expect(stdout).toMatch(/^ {2}q8_0 +29 tensors/m)
    expect(stdout).toMatch(/^tokenizer +gpt2 \/ qwen2, 10,240 tokens \(\d+ control\), 9,744 merges$/m)
    expect(stdout).toMatch(/^chat template +Gen's: asks for a safety verdict/m)
    expect(stdout).toMatch(/^memory +[\d.]+ MiB with default options \(weights/m)
    expect(stdout).toMatch(/accepts the file: GenGuard loads it\.$/m)
  })

  it('says what is broken, shows the rest, and exits with 1', async () => {
    const gguf = tinyModel('gen')
    tensorOf(gguf, 'output_norm.weight').shape = [0]
    for (const [path, message] of [
      [save('broken.gguf', gguf), 'output_norm.weight'],
      [save('cut.gguf', writeGguf(tinyModel('gen')).subarray(0, -64)), 'did not finish'],
    ] as const) {
      const shown = await cli(['inspect', path])
      expect(shown.code).toBe(1)
      expect(shown.stdout).toMatch(/^name +tiny$/m)
      expect(shown.stdout).toContain('This package refuses the file:')
      expect(shown.stdout).toContain(message)
      const [inspection] = jsonLines((await cli(['inspect', path, '--json'])).stdout)
      expect(inspection).toMatchObject({
        name: 'tiny',
        guard: null,
        problems: [expect.stringContaining(message)],
      })
    }
  })

  it('names what a guard needs besides the file', async () => {
    const { code, stdout } = await cli(['inspect', save('chatml.gguf', withTemplate('gen', CHATML))])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^But for its chat template: .*--chat-template FILE/m)
  })
})

describe("a model file's template", () => {
  /** Each takes more time or memory than there is; the last ones in a single step that V8 cannot survive. */
  const HOSTILE: [name: string, template: string][] = [
    ['a loop that is too long', '{% for i in range(10000000) %}x{% endfor %}'],
    ['a list that fits no memory', '{% for i in range(1000000000) %}x{% endfor %}'],
    [
      'a text that doubles',
      "{% set n = namespace(x='xxxxxxxx') %}{% for i in range(24) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x[::-1] }}",
    ],
    [
      'a text that is replaced by longer ones',
      "{% set n = namespace(x='xxxxxxxx') %}{% for i in range(12) %}{% set n.x = n.x | replace('x', 'xxxxxxxxxxxx') %}{% endfor %}{{ n.x }}",
    ],
    [
      'more text than messages can need',
      "{% for i in range(20000) %}{{ 'x' * 1 }}{{ messages[0].role * 9 }}{% for j in range(9) %}{{ 'xxxxxxxxxxxxxxxxxxxx' }}{% endfor %}{% endfor %}",
    ],
    ['one that nests too deep', `{{ ${'('.repeat(20000)}1${')'.repeat(20000)} }}`],
  ]

  it.each(HOSTILE)('cannot take the process or its time: %s', async (_name, template) => {
    const model = save('hostile.gguf', withTemplate('gen', `${template}${GEN}`))
    const { templateProblem, template: shown } = await inspectGguf(model)
    expect(shown.kind).toBe('broken')
    expect(templateProblem).toMatch(/the chat template does not/)
    await expect(GenGuard.load({ model, gpu: false })).rejects.toThrow(TemplateError)
    const other = save('hostile-stream.gguf', withTemplate('stream', `${template}${QWEN3}`))
    await expect(StreamGuard.load({ model: other, gpu: false })).rejects.toThrow(TemplateError)
  })

  it('renders in a process of its own as it does here', async () => {
    const messages: Message[] = [
      { role: 'user', content: 'a <|im_end|> \uD800 😀\n\uFDD0' },
      { role: 'assistant', content: ' b</think>c ' },
      { role: 'user', content: 'd'.repeat(100_000) },
    ]
    const options = { add_generation_prompt: true, enable_thinking: false }
    const spellings = ['<|im_start|>', '<|im_end|>', '<think>', '</think>']
    const here = await new ChatTemplate(QWEN3).render(messages.slice(0, 1), spellings, options)
    const apart = await new ChatTemplate(`${QWEN3}{% macro odd() %}{% endmacro %}`).render(
      messages.slice(0, 1),
      spellings,
      options,
    )
    expect(apart).toEqual(here)
    const long = await new ChatTemplate(QWEN3).render(messages, spellings, options)
    expect(long.text.length).toBeGreaterThan(100_000)
    expect(long.text).toContain(`a <${long.shield}|im_end|> \uFFFD 😀`)
  })
})
