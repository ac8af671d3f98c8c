import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  applyPolicy,
  Conversation,
  explain,
  GenGuard,
  Moderation,
  type Policy,
  pullModel,
  StreamGuard,
} from '../lib/index.js'
import { nearestOf } from '../lib/options.js'
import { PROMPT, stream } from './support/replies.js'

/** What plain JavaScript can pass. */
const anything = (options: unknown) => options as never

let gen: GenGuard
let guard: StreamGuard
let conversation: Conversation
beforeAll(async () => {
  gen = await GenGuard.load({ model: 'demo' })
  guard = await StreamGuard.load({ model: 'demo' })
  conversation = await guard.conversation()
})
afterAll(async () => {
  await conversation?.close()
  await guard?.close()
  await gen?.close()
})

/** Every public function that takes options, called with these. */
const CALLS: Record<string, (options: unknown) => unknown> = {
  'GenGuard.load': (options) => GenGuard.load(anything(options)),
  'StreamGuard.load': (options) => StreamGuard.load(anything(options)),
  classify: (options) => gen.classify('Hi', anything(options)),
  classifyAll: (options) => gen.classifyAll(['Hi'], anything(options)),
  classifyPrompt: (options) => guard.classifyPrompt('Hi', anything(options)),
  open: (options) => guard.open('Hi', anything(options)),
  moderate: (options) => guard.moderate(PROMPT, stream(['Hi']), anything(options)),
  conversation: (options) => guard.conversation(anything(options)),
  'conversation.open': (options) => conversation.open('Hi', anything(options)),
  'conversation.moderate': (options) => conversation.moderate('Hi', stream(['Hi']), anything(options)),
  explain: (options) => explain({ safety: 'Safe' }, anything(options)),
  applyPolicy: (options) => applyPolicy(null, [], anything(options)),
  'moderate, policy': (policy) => guard.moderate(PROMPT, stream(['Hi']), { policy: anything(policy) }),
  pullModel: (options) => pullModel('qwen3guard-gen-0.6b', anything(options)),
}

/** The message of the TypeError that the call ends with, at once or when it is awaited. */
async function refusal(call: () => unknown): Promise<string> {
  const error = await new Promise((resolve) => resolve(call())).then(
    () => undefined,
    (error) => error,
  )
  expect(error).toBeInstanceOf(TypeError)
  return (error as TypeError).message
}

describe('options', () => {
  it.each(Object.keys(CALLS))(
    'of %s: unknown keys are refused, and so is what holds no options',
    async (name) => {
      const call = CALLS[name] as (options: unknown) => unknown
      expect(await refusal(() => call({ zzzzzzzz: 1 }))).toContain('`zzzzzzzz`')
      // Nobody means it, but what is inherited would be read too.
      expect(await refusal(() => call(Object.create({ zzzzzzzz: 1 })))).toContain('`zzzzzzzz`')
      for (const bag of [
        'strict',
        null,
        5,
        [],
        Promise.resolve({}),
        new AbortController().signal,
        () => {},
      ]) {
        expect(await refusal(() => call(bag))).toMatch(/Expected .* to be an object with any of \w/u)
      }
      if (name.startsWith('explain') || name.startsWith('applyPolicy') || name.endsWith('policy')) return
      const controller = new AbortController()
      expect(await refusal(() => call({ signal: controller }))).toMatch(/AbortSignal.*its `signal`/u)
      expect(await refusal(() => call({ signal: 'stop' }))).toContain('AbortSignal')
    },
  )

  it.each([
    ['GenGuard.load', { modelPath: 'missing.gguf' }, 'modelPath', 'model'],
    ['GenGuard.load', { modle: 'missing.gguf' }, 'modle', 'model'],
    ['GenGuard.load', { context_size: 512 }, 'context_size', 'contextSize'],
    ['StreamGuard.load', { treads: 2 }, 'treads', 'threads'],
    ['classify', { toolong: 'window' }, 'toolong', 'tooLong'],
    ['classifyAll', { concurency: 2 }, 'concurency', 'concurrency'],
    ['open', { resoning: true }, 'resoning', 'reasoning'],
    ['conversation', { message: [] }, 'message', 'messages'],
    ['moderate', { polcy: { mode: 'strict' } }, 'polcy', 'policy'],
    ['moderate', { holdback: 'sentence' }, 'holdback', 'holdBack'],
    ['moderate', { strict: true }, 'strict', "policy: { mode: 'strict' }"],
    ['moderate', { threshold: 0.9 }, 'threshold', 'policy: { threshold }'],
    ['moderate, policy', { treshold: 0.9 }, 'treshold', 'threshold'],
    ['moderate, policy', { categories: { Violence: 'block' } }, 'Violence', 'Violent'],
    ['explain', { mod: 'strict' }, 'mod', 'mode'],
    ['pullModel', { typ: 'f16' }, 'typ', 'type'],
  ])('of %s: %j is told what was meant', async (name, bag, key, meant) => {
    const message = await refusal(() => CALLS[name]?.(bag))
    expect(message).toContain(`\`${key}\``)
    expect(message).toContain(`did you mean \`${meant}\`?`)
  })

  it('in a text are told what they are an option of', async () => {
    expect(await refusal(() => guard.moderate(PROMPT, stream(['Hi']), anything('strict')))).toContain(
      "did you mean `policy: { mode: 'strict' }`?",
    )
  })

  it('are taken as they always were where there is nothing wrong with them', async () => {
    class Settings {
      readonly policy: Policy = { categories: { Violent: 'flag' }, mode: 'strict' }
      readonly tokens = true
    }
    expect(() => guard.moderate(PROMPT, stream(['Hi']), new Settings())).not.toThrow()
    expect(() => guard.moderate(PROMPT, stream(['Hi']), Object.assign(Object.create(null)))).not.toThrow()
    await expect(
      gen.classify('Hi', anything({ signal: undefined, tooLong: undefined })),
    ).resolves.toBeTruthy()
  })

  it('of a wrong type are refused where they would be read as true', async () => {
    expect(await refusal(() => guard.open('Hi', { reasoning: anything('false') }))).toContain('`reasoning`')
    expect(await refusal(() => guard.moderate(PROMPT, stream(['Hi']), { tokens: anything('no') }))).toContain(
      '`tokens`',
    )
  })

  it('are not what makes a guard with `new`: the error says what does', () => {
    for (const [type, hint] of [
      [GenGuard, 'await GenGuard.load('],
      [StreamGuard, 'await StreamGuard.load('],
      [Conversation, 'await guard.conversation('],
      [Moderation, 'await guard.open('],
    ] as const) {
      const Type = type as unknown as new (...args: unknown[]) => unknown
      for (const args of [[], [{ model: 'demo' }], ['demo']]) {
        expect(() => new Type(...args)).toThrow(TypeError)
        expect(() => new Type(...args)).toThrow(hint)
      }
    }
  })
})

describe('nearestOf', () => {
  it('names what is like a key, and nothing where nothing is', () => {
    const names = ['model', 'mode', 'maxQueue', 'onLog', 'onProgress']
    expect(nearestOf('MODEL', names)).toBe('model')
    expect(nearestOf('max-queue', names)).toBe('maxQueue')
    expect(nearestOf('onlgo', names)).toBe('onLog')
    expect(nearestOf('temperature', names)).toBeUndefined()
    expect(nearestOf('', names)).toBeUndefined()
    expect(nearestOf('x'.repeat(1e6), names)).toBeUndefined()
  })

  it('leaves images beside text out, or refuses them where that is asked for', async () => {
    const content = [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: 'data:' } },
    ]
    const input = [{ role: 'user', content }]
    const options = { unsupportedParts: 'error' } as const
    const calls: Record<string, (given: object) => unknown> = {
      classify: (given) => gen.classify(input, given),
      classifyAll: async (given) => {
        for await (const _ of gen.classifyAll([input], given));
      },
      classifyPrompt: (given) => guard.classifyPrompt(input, given),
      open: (given) => guard.open(input, given),
      moderate: (given) => guard.moderate(input, stream(['Hi']), given),
      'conversation.open': (given) => conversation.open(input, given),
      'conversation.moderate': (given) => conversation.moderate(input, stream(['Hi']), given),
    }
    for (const [name, call] of Object.entries(calls)) {
      expect(await refusal(() => call(options)), name).toContain("'image_url', which no guard reads")
      expect(await refusal(() => call({ unsupportedParts: 'drop' })), name).toContain("'error' or 'skip'")
    }
    const { safety } = await gen.classify(input)
    expect(safety).toBe((await gen.classify('What is this?')).safety)
  })
})
