import { afterAll, beforeAll } from 'vitest'
import { SseServer } from './sse-server.js'

type Sdk = typeof import('openai')
export type OpenAI = import('openai').OpenAI

/** The majors that are supported; the newest needs a newer Node than the rest. */
export const MAJORS = [
  { major: 6, node: 20, load: async () => (await import('openai-6')) as unknown as Sdk },
  { major: 7, node: 22, load: async () => await import('openai') },
].filter(({ node }) => Number(process.versions.node.split('.')[0]) >= node)

export const REPLACEMENT = '[withheld]'
export const REASONING = 'The user wants ideas for the weekend, so I list a few things to do. '

/** A local server and a client of it, for the tests of one major. */
export function clientOf(load: () => Promise<Sdk>) {
  const context = { server: new SseServer(), client: undefined as unknown as OpenAI }
  beforeAll(async () => {
    context.client = await clientAt(load, await context.server.listen())
  })
  afterAll(() => context.server.close())
  return context
}

export async function clientAt(load: () => Promise<Sdk>, baseURL: string): Promise<OpenAI> {
  const { OpenAI } = await load()
  return new OpenAI({ apiKey: 'none', baseURL, maxRetries: 0 })
}
