import { expect } from 'vitest'
import { pieces } from './replies.js'

export type Sdk = typeof import('ai')
export type Part = { type: string; [field: string]: unknown }
export type Model = import('ai').LanguageModel & {
  doStream(call: object): Promise<{ stream: ReadableStream<Part> }>
}
type Mock = new (model: { doStream?: unknown; doGenerate?: unknown }) => Model

/** The majors that are supported; the newest needs a newer Node than the rest. */
export const MAJORS: readonly { major: number; load: () => Promise<unknown>[] }[] = [
  { major: 5, node: 18, load: () => [import('ai-5'), import('ai-5/test')] },
  { major: 6, node: 18, load: () => [import('ai-6'), import('ai-6/test')] },
  { major: 7, node: 22, load: () => [import('ai'), import('ai/test')] },
].filter(({ node }) => Number(process.versions.node.split('.')[0]) >= node)

export const REPLACEMENT = '[withheld]'
export const SAFE_REASONING = 'The user wants ideas for the weekend, so I list a few things to do. '

export function deltas(kind: 'text' | 'reasoning', text: string, id = '0'): Part[] {
  return [
    { type: `${kind}-start`, id },
    ...pieces(text).map((delta) => ({ type: `${kind}-delta`, id, delta })),
    { type: `${kind}-end`, id },
  ]
}

export const TOOL_CALL: Part[] = [
  { type: 'tool-input-start', id: 'call', toolName: 'weather' },
  { type: 'tool-input-delta', id: 'call', delta: '{"city":' },
  { type: 'tool-input-delta', id: 'call', delta: '"Paris"}' },
  { type: 'tool-input-end', id: 'call' },
  { type: 'tool-call', toolCallId: 'call', toolName: 'weather', input: '{"city":"Paris"}' },
]

/** The parts that are left when each delta of a text follows the one before. */
export function joined(parts: readonly Part[]): string[] {
  const kinds: string[] = []
  for (const { type, id } of parts) {
    const name = id === undefined ? type : `${type} ${id}`
    if (kinds.at(-1) !== name) kinds.push(name)
  }
  return kinds
}

export function textOf(parts: readonly Part[], type = 'text-delta'): string {
  return parts.map((part) => (part.type === type ? String(part.text ?? part.delta) : '')).join('')
}

/** Every part that is opened is closed, once, and nothing comes outside. */
export function expectWellFormed(parts: readonly Part[]): void {
  const open = new Set<string>()
  for (const { type, id } of parts) {
    const [, kind, event] = /^(text|reasoning|tool-input)-(start|delta|end)$/.exec(type) ?? []
    if (kind === undefined) continue
    const name = `${kind} ${id}`
    expect(open.has(name), `${type} of ${name}`).toBe(event !== 'start')
    if (event === 'start') open.add(name)
    if (event === 'end') open.delete(name)
  }
  expect([...open]).toEqual([])
}

/** One major of the SDK, with mock models in the manner of its own. */
export async function loadSdk({ major, load }: (typeof MAJORS)[number]) {
  const [sdk, test] = (await Promise.all(load())) as unknown as [Sdk, Record<string, Mock>]
  const MockModel = test[`MockLanguageModelV${major - 3}`] as Mock

  function finish(reason = 'stop'): Part {
    const finishReason = major === 5 ? reason : { unified: reason, raw: reason }
    const usage =
      major === 5
        ? { inputTokens: 1, outputTokens: 2, totalTokens: 3 }
        : {
            inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
            outputTokens: { total: 2, text: 2, reasoning: undefined },
          }
    return { type: 'finish', finishReason, usage }
  }

  /** A model that streams these parts, call by call, and then ends, or goes silent without `finish`. */
  function modelOf(...calls: Part[][]) {
    const state = { cancelled: 0 }
    const doStream = async ({ abortSignal }: { abortSignal?: AbortSignal }) => {
      const left = [{ type: 'stream-start', warnings: [] }, ...(calls.shift() ?? [])]
      const silent = left.at(-1)?.type !== 'finish'
      const stream = new ReadableStream(
        {
          start(controller) {
            abortSignal?.addEventListener('abort', () => controller.error(abortSignal.reason))
          },
          async pull(controller) {
            const part = left.shift()
            if (part?.type === 'throw') controller.error(part.error)
            else if (part) controller.enqueue(part)
            else if (silent) await new Promise(() => {})
            else controller.close()
          },
          cancel() {
            state.cancelled += 1
          },
        },
        { highWaterMark: 0 },
      )
      return { stream }
    }
    return { model: new MockModel({ doStream }), state }
  }

  const tools = () => {
    const calls: unknown[] = []
    const weather = sdk.tool({
      inputSchema: sdk.jsonSchema<{ city: string }>({
        type: 'object',
        properties: { city: { type: 'string' } },
      }),
      execute: async (input: { city: string }) => {
        calls.push(input)
        return 'sunny'
      },
    })
    return { calls, tools: { weather } }
  }

  return { sdk, MockModel, finish, modelOf, tools }
}
