import type { Input, Message } from '../../types.js'
import { type Judgement, judge, judgeAll } from '../judge.js'
import { readJson } from '../requests/body.js'
import { WEBHOOK_REQUEST, WEBHOOK_RESPONSE } from '../schema/gateways.js'
import { valid } from '../schema/validate.js'
import type { App } from '../served.js'
import type { Service } from '../service.js'

const WITHHELD = 'This answer was withheld by moderation.'

/** `POST /request` and `/response`: the guardrail webhooks of agentgateway, kgateway and Gloo. */
export function mountWebhooks(app: App, service: Service): void {
  app.post('/request', async (call) => {
    const { body } = valid(WEBHOOK_REQUEST, await readJson(call, service.limits))
    const messages = body.messages as Message[]
    const last = messages.findLastIndex((message) => message?.role === 'user')
    const asked = last < 0 ? messages : messages.slice(0, last + 1)
    const judgement = await judge(service, call.get('served'), asked as Input, { param: 'body.messages' })
    const { action, because } = judgement
    if (action !== 'block') return call.json({ action: { reason: because } })
    return call.json({
      action: { body: `Blocked by moderation: ${because}`, status_code: 403, reason: because },
    })
  })

  app.post('/response', async (call) => {
    const { body } = valid(WEBHOOK_RESPONSE, await readJson(call, service.limits))
    const inputs = body.choices.map(({ message }): Message[] => [
      { role: 'user', content: '' },
      { role: 'assistant', content: message.content ?? '' },
    ])
    const judged: Judgement[] = []
    const paramOf = (index: number) => `body.choices[${index}]`
    for await (const one of judgeAll(service, call.get('served'), inputs, { paramOf })) judged.push(one)
    const found = judged.find(({ action }) => action === 'block')
    if (!found) return call.json({ action: { reason: 'no choice is blocked' } })
    const choices = body.choices.map((choice, index) =>
      judged[index]?.action === 'block'
        ? { ...choice, message: { ...choice.message, content: WITHHELD } }
        : choice,
    )
    return call.json({ action: { body: { ...body, choices }, reason: found.because } })
  })
}
