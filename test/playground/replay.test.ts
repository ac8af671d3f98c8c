import { afterAll, beforeAll, expect, it } from 'vitest'
import { outcomeOf, replyVerdict, type Step } from '../../lib/playground/replay.js'
import { SAMPLES } from '../../lib/playground/samples.js'
import type { Policy } from '../../lib/policy.js'
import { StreamGuard } from '../../lib/stream/guard.js'
import type { HoldBack } from '../../lib/stream/release.js'

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load({ model: 'demo-stream', gpu: false })
})
afterAll(() => guard.close())

const POLICIES: [string, Policy, HoldBack][] = [
  ['the default', {}, 'token'],
  ['strict, to the sentence', { mode: 'strict' }, 'sentence'],
  ['a threshold, eight tokens', { threshold: 0.7 }, 8],
  ['five in a row', { consecutive: 5 }, 'token'],
  ['flags for two categories', { categories: { Violent: 'flag', 'Unethical Acts': 'flag' } }, 'token'],
  ['prompts are let through', { prompt: 'allow' }, 'sentence'],
]

/** Words as they are typed. */
const words = (text: string) => text.match(/\s*\S+/g) ?? []

/** Verdicts that came under no policy, in steps, as the page has them. */
async function judged(prompt: string, reply: string) {
  const moderation = await guard.open(prompt)
  const steps: Step[] = []
  for (const delta of words(reply)) steps.push({ delta, tokens: await moderation.push(delta) })
  const { rest, ...verdict } = await moderation.end()
  steps.push({ delta: '', tokens: rest })
  await moderation.close()
  return { judged: { prompt: moderation.prompt, steps, ended: true }, verdict }
}

/** What `moderate` does. */
async function moderated(prompt: string, reply: string, policy: Policy, holdBack: HoldBack) {
  async function* source() {
    yield* words(reply)
  }
  const seen = { released: '', start: null as number | null, flags: [] as number[], action: '' }
  for await (const event of guard.moderate(prompt, source(), { policy, holdBack })) {
    if (event.type === 'text') seen.released += event.text
    if (event.type === 'block') seen.start = event.start
    if (event.type === 'flag' && event.verdict) seen.flags.push(event.verdict.index)
    if (event.type === 'end') seen.action = event.action
  }
  return seen
}

it.each(POLICIES)('what the page works out is what moderate does: %s', async (_, policy, holdBack) => {
  for (const { prompt, reply } of SAMPLES) {
    const outcome = outcomeOf((await judged(prompt, reply)).judged, policy, holdBack)
    const { released, cut, flags, action } = outcome
    expect({
      released,
      start: cut?.start ?? null,
      flags: flags.map(({ index }) => index),
      action,
    }).toEqual(await moderated(prompt, reply, policy, holdBack))
    if (!cut) expect(outcome.waiting).toBe(0)
  }
})

it('the examples end differently', async () => {
  const cuts = await Promise.all(
    SAMPLES.map(
      async ({ prompt, reply }) => outcomeOf((await judged(prompt, reply)).judged, {}, 'token').cut,
    ),
  )
  expect(cuts.slice(0, 3).map((cut) => cut?.reason ?? null)).toEqual(['reply', null, 'prompt'])
})

it('the reply’s verdict is that of Stream', async () => {
  for (const { prompt, reply } of SAMPLES) {
    const { judged: all, verdict } = await judged(prompt, reply)
    expect({ ...replyVerdict(all.steps), complete: true }).toEqual(verdict)
  }
})
