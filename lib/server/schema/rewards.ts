import Type, { type Static } from 'typebox'
import { MESSAGES, TEXT } from './shared.js'

const TEXTS = Type.Array(Type.String({ description: 'a text' }), {
  minItems: 1,
  description: 'a list of texts',
})

/** As OpenRLHF sends them; `helpfulness` is ours. */
export const REWARD_BATCH = Type.Object(
  {
    query: TEXTS,
    prompts: TEXTS,
    labels: Type.Optional(Type.Unknown()),
    helpfulness: Type.Optional(
      Type.Array(Type.Number(), {
        description: 'a list of numbers, one for each query, by another reward model',
      }),
    ),
  },
  { additionalProperties: true },
)
export type RewardBatch = Static<typeof REWARD_BATCH>

/** As slime sends one. */
export const REWARD_SAMPLE = Type.Object(
  {
    prompt: Type.Union([Type.String(), MESSAGES], { description: 'a text or a list of messages' }),
    response: TEXT,
    label: Type.Optional(Type.Unknown()),
    helpfulness: Type.Optional(Type.Number({ description: 'a number, by another reward model' })),
  },
  { additionalProperties: true },
)
