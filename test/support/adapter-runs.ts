import { afterAll, beforeAll, expect } from 'vitest'
import { moderationMiddleware, moderationTransform } from '../../lib/adapters/ai-sdk/index.js'
import type { ContentOptions } from '../../lib/adapters/content-options.js'
import { moderateChat, moderateResponse } from '../../lib/adapters/openai/index.js'
import { type ModerationEvent, StreamGuard } from '../../lib/index.js'
import { chunk, contents, stop } from './chat-chunks.js'
import { collect, HARMLESS, PROMPT, pieces, stream } from './replies.js'
import { begin, message, numbered } from './response-events.js'

export let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load({ model: 'demo', gpu: false })
})
afterAll(() => guard?.close())

export type Any = { type: string; [field: string]: unknown }
export type Adapter = 'chat' | 'responses' | 'transform' | 'middleware'
export const ADAPTERS: Adapter[] = ['chat', 'responses', 'transform', 'middleware']

/** What an adapter makes of a source, and the events it tells of. */
export async function run(
  adapter: Adapter,
  source: readonly unknown[],
  options: ContentOptions = {},
  prompt: unknown = PROMPT,
) {
  const events: ModerationEvent[] = []
  const all = { ...options, onEvent: (event: ModerationEvent) => void events.push(event) }
  const input = prompt as string
  const parts = async (): Promise<unknown[]> => {
    if (adapter === 'chat') return await collect(moderateChat(guard, input, stream(source) as never, all))
    if (adapter === 'responses') {
      return await collect(moderateResponse(guard, input, stream(source) as never, all))
    }
    if (adapter === 'transform') {
      const transform = moderationTransform(guard, input, all)({ tools: {} })
      return await collect(ReadableStream.from(source).pipeThrough(transform as never))
    }
    const messages =
      typeof prompt === 'string' ? [{ role: 'user', content: [{ type: 'text', text: prompt }] }] : prompt
    const doStream = async () => ({ stream: ReadableStream.from(source) })
    const call = { doStream, params: { prompt: messages }, model: { specificationVersion: 'v3' } }
    const wrapped = await moderationMiddleware(guard, all).wrapStream?.(call as never)
    return await collect((wrapped as unknown as { stream: ReadableStream<unknown> }).stream)
  }
  const shown = (await parts()) as Any[]
  expect(guard.stats().openSequences).toBe(0)
  return { shown, events, json: JSON.stringify(shown) }
}

/** A harmless text and then a call of a tool whose argument is this, in pieces, as each API has it. */
export function calling(adapter: Adapter, argument: string): unknown[] {
  const input = JSON.stringify({ note: argument })
  if (adapter === 'chat') {
    const call = (fields: object) => chunk({ tool_calls: [{ index: 0, ...fields }] })
    return [
      ...contents(HARMLESS),
      call({ id: 'call', type: 'function', function: { name: 'write', arguments: '' } }),
      ...pieces(input).map((piece) => call({ function: { arguments: piece } })),
      stop('tool_calls'),
    ]
  }
  if (adapter === 'responses') {
    const at = { item_id: 'fc', output_index: 1 }
    const item = { id: 'fc', type: 'function_call', call_id: 'call', name: 'write', status: 'completed' }
    return numbered([
      ...begin,
      ...message(HARMLESS, 0),
      { type: 'response.output_item.added', output_index: 1, item: { ...item, arguments: '' } },
      ...pieces(input).map((delta) => ({ type: 'response.function_call_arguments.delta', ...at, delta })),
      { type: 'response.function_call_arguments.done', ...at, arguments: input },
      { type: 'response.output_item.done', output_index: 1, item: { ...item, arguments: input } },
    ])
  }
  const field = adapter === 'transform' ? 'text' : 'delta'
  return [
    { type: 'text-start', id: '0' },
    ...pieces(HARMLESS).map((piece) => ({ type: 'text-delta', id: '0', [field]: piece })),
    { type: 'text-end', id: '0' },
    { type: 'tool-input-start', id: 'call', toolName: 'write' },
    ...pieces(input).map((delta) => ({ type: 'tool-input-delta', id: 'call', delta })),
    { type: 'tool-input-end', id: 'call' },
    {
      type: 'tool-call',
      toolCallId: 'call',
      toolName: 'write',
      input: adapter === 'transform' ? { note: argument } : input,
    },
  ]
}

/** The arguments that were shown, however they were cut. */
export function argumentsOf(shown: readonly Any[]): string {
  return shown
    .map((part) => {
      const [choice] = (part.choices ?? []) as {
        delta: { tool_calls?: { function: { arguments: string } }[] }
      }[]
      const isDelta =
        part.type === 'tool-input-delta' || part.type === 'response.function_call_arguments.delta'
      return choice?.delta.tool_calls?.[0]?.function.arguments ?? (isDelta ? String(part.delta) : '')
    })
    .join('')
}
