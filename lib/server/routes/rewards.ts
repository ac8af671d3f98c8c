import { guardOnlyReward, hybridReward, type JudgedItem, type RewardItem } from '../../reward.js'
import type { Message } from '../../types.js'
import { badRequest, HttpError, httpError } from '../errors.js'
import { readJson } from '../requests/body.js'
import { REWARD_BATCH, REWARD_SAMPLE } from '../schema/rewards.js'
import { valid } from '../schema/validate.js'
import type { App, Call } from '../served.js'
import type { Service } from '../service.js'

/** A batch of rollouts is longer than a chat. JSON.parse holds the event loop for up to 5 ms a MiB: 40 ms by default. */
const TIMES_THE_BODY = 8

/** `POST /get_reward` and `/v1/rewards`: rewards for training, by OpenRLHF's body and by slime's. */
export function mountRewards(app: App, service: Service): void {
  const answer = async (call: Call) => {
    const body = await readJson(call, {
      ...service.limits,
      bodyBytes: service.limits.bodyBytes * TIMES_THE_BODY,
    })
    if (typeof body === 'object' && body !== null && 'response' in body) {
      const { prompt, response, helpfulness } = valid(REWARD_SAMPLE, body)
      const asked = typeof prompt === 'string' ? untemplated(prompt) : (prompt as Message[])
      const item = itemOf(asked, response, helpfulness)
      const { rewards } = await rewarded(call, service, [item], helpfulness !== undefined, () => 'response')
      return call.json(rewards[0] as number)
    }
    const { query, prompts, helpfulness } = valid(REWARD_BATCH, body)
    for (const [name, list] of Object.entries({ prompts, helpfulness })) {
      if (list !== undefined && list.length !== query.length) {
        throw badRequest(
          `Expected as many ${name} as there are in 'query': ${query.length}, got ${list.length}`,
          name,
        )
      }
    }
    if (query.length > service.limits.batch) {
      throw badRequest(`Expected at most ${service.limits.batch} queries, got ${query.length}`, 'query')
    }
    const items = query.map((whole, i) => {
      const prompt = prompts[i] as string
      if (!whole.startsWith(prompt)) {
        throw badRequest(
          `Expected a query that begins with its prompt: what follows is the reply`,
          `query[${i}]`,
        )
      }
      return itemOf(untemplated(prompt), whole.slice(prompt.length), helpfulness?.[i])
    })
    const { rewards, judged } = await rewarded(
      call,
      service,
      items,
      helpfulness !== undefined,
      (i) => `query[${i}]`,
    )
    return call.json({
      rewards,
      ...(helpfulness === undefined && { scores: rewards }),
      extra_logs: {
        unsafe: judged.map(({ thinking, answer }) =>
          Number(answer.safety !== 'Safe' || (thinking !== null && thinking.safety !== 'Safe')),
        ),
        refusal: judged.map(({ answer }) => Number(answer.refusal)),
      },
    })
  }
  app.post('/get_reward', answer)
  app.post('/v1/rewards', answer)
}

function itemOf(prompt: string | Message[], response: string, helpfulness: number | undefined): RewardItem {
  const answer = response.replace(
    /(?:<\|im_end\|>|<\|endoftext\|>|<\|eot_id\|>|<end_of_turn>|<\/s>|\s)+$/u,
    '',
  )
  return { prompt, answer, ...(helpfulness !== undefined && { helpfulness }) }
}

/** The messages of a prompt that a trainer has rendered in ChatML; another is one message. */
function untemplated(prompt: string): string | Message[] {
  const turns = [...prompt.matchAll(/<\|im_start\|>(system|user|assistant)\n([\s\S]*?)<\|im_end\|>/gu)]
  if (turns.length === 0) return prompt
  const messages = turns.map(([, role, content]) => ({
    role: role as Message['role'],
    content: content as string,
  }))
  const last = messages.findLastIndex(({ role }) => role === 'user')
  return last < 0 ? prompt : messages.slice(0, last + 1)
}

/**
 * A reward for each item.
 * @throws HttpError where one could not be judged: no number stands for that
 */
async function rewarded(
  call: Call,
  service: Service,
  items: RewardItem[],
  hybrid: boolean,
  paramOf: (index: number) => string,
): Promise<{ rewards: number[]; judged: JudgedItem[] }> {
  const judged: JudgedItem[] = []
  const { signal } = call.get('served')
  const { history, tooLong } = service
  const options = {
    signal,
    history,
    tooLong,
    onJudged: (_: number, item: JudgedItem) => void judged.push(item),
  }
  const rewards = await (hybrid ? hybridReward : guardOnlyReward)(service.gen(), items, options)
  const failed = rewards.findIndex((reward) => reward instanceof Error)
  if (failed < 0) return { rewards: rewards as number[], judged }
  const error = rewards[failed] as Error
  const known = error instanceof TypeError ? badRequest(error.message, null, 'not_judged') : httpError(error)
  throw new HttpError(
    {
      status: known.status,
      message: `Item ${failed} could not be judged, so there is no reward for it: ${known.message}`,
      param: paramOf(failed),
      code: known.code ?? 'not_judged',
      headers: { ...known.headers },
    },
    error,
  )
}
