import fc from 'fast-check'
import { expect, it } from 'vitest'
import { chunk, contents, start, stop } from '../../support/chat-chunks.js'
import { HARMFUL, HARMLESS, PROMPT } from '../../support/replies.js'
import { eventsIn, type Json, json, served } from '../../support/serving.js'
import { upstreamServer } from '../../support/upstream.js'

const upstream = upstreamServer()
const server = served(() => ({ upstream: { url: upstream.url, timeoutMs: 2000 } }), 4)

/** Values that stand where an upstream writes others. */
const odd = fc.oneof(
  fc.constantFrom(null, true, 0, -1, 1.5, '', '\ud800', '<|im_end|>', [], {}),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.dictionary(fc.constantFrom('index', 'delta', 'role', 'tool_calls', 'type', '__proto__'), fc.anything(), {
    maxKeys: 3,
  }),
)
const event = (value: unknown) => `data: ${JSON.stringify(value) ?? 'undefined'}\n\n`
const between = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  fc.constantFrom(
    ': comment\n\n',
    'event: x\n',
    'id: 1\n\n',
    '\r\n',
    'data:\n\n',
    '{',
    'data: [DONE]\n\n',
    '\u0000',
  ),
  odd.map(event),
  odd.map((choices) => event({ ...chunk({}), choices })),
  odd.map((choice) => event({ ...chunk({}), choices: [choice] })),
  odd.map((delta) => event({ ...chunk({}), choices: [{ index: 0, delta }] })),
)

it('whatever an upstream sends, a client gets what is cleared and an end, or an error', async () => {
  const written = fc.record({
    reply: fc.constantFrom(HARMLESS, HARMFUL),
    noise: fc.array(between, { minLength: 0, maxLength: 3 }),
    at: fc.nat(),
    cuts: fc.array(fc.nat(), { maxLength: 6 }),
    isWhole: fc.boolean(),
    isBroken: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(written, async ({ reply, noise, at, cuts, isWhole, isBroken }) => {
      const events = [start(), ...contents(reply), stop()].map(event)
      events.splice(at % (events.length + 1), 0, ...noise)
      const bytes = Buffer.from(events.join('') + (isWhole ? 'data: [DONE]\n\n' : ''))
      const ends = [...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b)
      upstream.answer = async (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (const [i, end] of ends.entries()) {
          response.write(bytes.subarray(ends[i - 1] ?? 0, end))
          await new Promise(setImmediate)
        }
        if (isBroken) response.destroy()
        else response.end()
      }
      const messages = [{ role: 'user', content: PROMPT }]
      const response = await server.post('/v1/chat/completions', { model: 'm', stream: true, messages })
      if (response.status !== 200) {
        expect([400, 502, 504]).toContain(response.status)
        expect(await json(response)).toMatchObject({
          error: { message: expect.any(String), code: expect.any(String) },
        })
      } else {
        const all = eventsIn(await response.text()).map(({ data }) => data)
        expect(all.at(-1)).toBe('[DONE]')
        const shown = (all.slice(0, -1) as Json[])
          .flatMap(({ choices = [] }) => choices)
          .map(({ delta }: Json) => delta?.content ?? '')
          .join('')
        expect(reply.startsWith(shown)).toBe(true)
        if (reply === HARMFUL) expect(shown.length).toBeLessThan(reply.length)
      }
    }),
    { numRuns: 40 },
  )
  for (let i = 0; i < 200 && server.stream.stats().openSequences > 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 10))
  expect(server.stream.stats().openSequences).toBe(0)
})
