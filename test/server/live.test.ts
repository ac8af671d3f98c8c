import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createApp } from '../../lib/server/index.js'
import { BLOCKED_PROMPT, HARMFUL, HARMLESS, PROMPT, pieces } from '../support/replies.js'
import { eventsIn, type Json, json, post, served } from '../support/serving.js'

const server = served({ limits: { queueMs: 5000 } }, 4)

async function open(body: object = {}): Promise<string> {
  const response = await server.post('/v1/live', { prompt: PROMPT, ...body })
  expect(response.status).toBe(201)
  return (await json(response)).id
}

async function eventsOf(id: string, headers: Record<string, string> = {}) {
  return eventsIn(await (await server.get(`/v1/live/${id}/events`, headers)).text())
}

/** What a moderation by the library says of the same text. */
async function expected(text: string, reasoning = false) {
  const events = []
  const source = (async function* () {
    yield* pieces(text)
  })()
  for await (const event of server.stream.moderate(PROMPT, source, { tokens: true, reasoning }))
    events.push(event)
  return events
}

const textOf = (events: readonly Json[]) =>
  events.map((event) => ((event.data ?? event).type === 'text' ? (event.data ?? event).text : '')).join('')
const tokensOf = (events: readonly Json[]) =>
  events.map((event) => event.data ?? event).filter(({ type }) => type === 'token')

/** What of a token does not depend on what else was in its batch. */
const told = ({ verdict }: Json) => [verdict.index, verdict.id, verdict.start, verdict.end, verdict.risk]

describe('a live session', () => {
  it('gives the verdicts and text that `moderate` gives', async () => {
    const id = await open()
    for (const text of pieces(HARMLESS)) await server.post(`/v1/live/${id}/text`, { text })
    expect((await json(server.post(`/v1/live/${id}/text`, { end: true }))).released).toBe(HARMLESS.length)
    const events = await eventsOf(id)
    const same = await expected(HARMLESS)
    expect(textOf(events)).toBe(HARMLESS)
    expect(tokensOf(events).map(told)).toEqual(tokensOf(same).map(told))
    expect(events[0]?.event).toBe('prompt')
    expect(events.at(-1)?.data).toMatchObject({ type: 'end', action: 'allow', verdict: { complete: true } })
    expect(server.stream.stats().openSequences).toBe(0)
  })

  it('releases nothing behind a block, and can judge on', async () => {
    const same = await expected(HARMLESS + HARMFUL)
    const stopped = await open()
    const judging = await open({ after_block: 'judge' })
    for (const id of [stopped, judging]) {
      for (const text of pieces(HARMLESS + HARMFUL)) await server.post(`/v1/live/${id}/text`, { text })
      await server.post(`/v1/live/${id}/text`, { end: true })
      const events = await eventsOf(id)
      expect(textOf(events)).toBe(textOf(same))
      expect(events.filter(({ event }) => event === 'block')).toHaveLength(1)
      const all = tokensOf(events)
      expect(all.at(-1)?.verdict.end === (HARMLESS + HARMFUL).length).toBe(id === judging)
    }
  })

  it('judges a reply that begins inside its reasoning', async () => {
    const reply = `${HARMLESS}</think>\n\n${HARMLESS}`
    const id = await open({ reasoning: true })
    for (const text of pieces(reply)) await server.post(`/v1/live/${id}/text`, { text })
    await server.post(`/v1/live/${id}/text`, { end: true })
    const events = await eventsOf(id)
    const parts = tokensOf(events).map(({ verdict }) => verdict.part)
    expect(textOf(events)).toBe(reply)
    expect(parts).toEqual(parts.toSorted().reverse())
    expect(new Set(parts)).toEqual(new Set(['reasoning', 'answer']))
    expect(tokensOf(events).map(told)).toEqual(tokensOf(await expected(reply, true)).map(told))
  })

  it('says of a prompt that is blocked', async () => {
    const response = await json(server.post('/v1/live', { prompt: BLOCKED_PROMPT }))
    expect(response).toMatchObject({ action: 'block', prompt: { safety: 'Unsafe' } })
    expect((await eventsOf(response.id)).map(({ event }) => event)).toEqual(['prompt', 'block', 'end'])
  })

  it('goes on where a reader has left off', async () => {
    const id = await open()
    await server.post(`/v1/live/${id}/text`, { text: HARMLESS, end: true })
    const all = await eventsOf(id)
    const rest = await eventsOf(id, { 'last-event-id': String(all[3]?.id) })
    expect(rest).toEqual(all.slice(4))
  })

  it('takes a text once that is sent twice, and refuses a gap', async () => {
    const id = await open()
    const send = (text: string, at: number) => server.post(`/v1/live/${id}/text`, { text, at })
    await send('Take a walk', 0)
    await send('Take a walk in', 0)
    expect(await json(send('walk in the park. ', 7))).toMatchObject({ received: 25 })
    expect((await send('x', 26)).status).toBe(409)
    await server.post(`/v1/live/${id}/text`, { end: true })
    expect(textOf(await eventsOf(id))).toBe('Take a walk in the park. ')
  })

  it('shows the same verdicts under another policy', async () => {
    const id = await open()
    await server.post(`/v1/live/${id}/text`, { text: HARMLESS + HARMFUL, end: true })
    const ask = (policy: object) => json(server.post(`/v1/live/${id}/policy`, { policy }))
    expect(await ask({})).toMatchObject({ action: 'block', block: { reason: 'reply' } })
    const none = { Violent: 'allow', 'Non-violent Illegal Acts': 'allow', 'Unethical Acts': 'allow' }
    expect((await ask({ categories: none })).block?.start ?? Infinity).toBeGreaterThan(
      (await ask({})).block.start,
    )
    expect((await ask({ treshold: 1 })).error.param).toBe('policy.treshold')
  })

  it('goes on after it has given its place to others', async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, () => open()))
    const text = HARMLESS + HARMLESS
    for (const piece of text.match(/.{1,40}/gsu) ?? []) {
      await Promise.all(ids.map((id) => server.post(`/v1/live/${id}/text`, { text: piece })))
    }
    const same = tokensOf(await expected(text))
    for (const id of ids) {
      await server.post(`/v1/live/${id}/text`, { end: true })
      const events = await eventsOf(id)
      expect(textOf(events)).toBe(text)
      expect(tokensOf(events).map(({ verdict }) => verdict.id)).toEqual(same.map(({ verdict }) => verdict.id))
    }
    expect(server.stream.stats().openSequences).toBe(0)
  })

  it('is forgotten when nobody uses it, and gives its place back', async () => {
    const app = createApp({ stream: server.stream, limits: { sessionMs: 300 } })
    const { id, expires_in_ms } = await json(post(app, '/v1/live', { prompt: PROMPT }))
    expect(expires_in_ms).toBe(300)
    for (let i = 0; i < 500 && server.stream.stats().openSequences > 0; i++) await sleep(20)
    expect(server.stream.stats().openSequences).toBe(0)
    expect((await app.fetch(new Request(`http://localhost/v1/live/${id}`))).status).toBe(404)
    await app.close()
  })

  it('leaves room for checks beside it', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => open()))
    const answer = await json(server.post('/v1/moderations', { input: HARMLESS }))
    expect(answer.results).toHaveLength(1)
    for (const id of ids)
      expect(
        (await server.app.fetch(new Request(`http://x/v1/live/${id}`, { method: 'DELETE' }))).status,
      ).toBe(204)
    expect((await server.get(`/v1/live/${ids[0]}`)).status).toBe(404)
  })
})
