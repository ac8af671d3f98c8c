import Type, { type Static } from 'typebox'
import { HOLD_BACK, literals, MESSAGES, POLICY, TEXT } from './shared.js'

export const LIVE_REQUEST = Type.Object(
  {
    prompt: Type.Optional(TEXT),
    messages: Type.Optional(MESSAGES),
    policy: Type.Optional(POLICY),
    hold_back: Type.Optional(HOLD_BACK),
    reasoning: Type.Optional(Type.Boolean({ description: 'true or false' })),
    too_long: Type.Optional(literals(['error', 'slide'], "'error' or 'slide'")),
    history: Type.Optional(literals(['error', 'drop'], "'error' or 'drop'")),
    after_block: Type.Optional(literals(['stop', 'judge'], "'stop' or 'judge'")),
  },
  { additionalProperties: false },
)
export type LiveRequest = Static<typeof LIVE_REQUEST>

export const LIVE_TEXT = Type.Object(
  {
    text: Type.Optional(Type.String({ description: 'the next piece of the reply' })),
    at: Type.Optional(
      Type.Integer({ minimum: 0, description: 'where in the reply the text begins, in UTF-16 units' }),
    ),
    end: Type.Optional(Type.Boolean({ description: 'true or false' })),
  },
  { additionalProperties: false },
)

export const LIVE_POLICY = Type.Object(
  { policy: POLICY, hold_back: Type.Optional(HOLD_BACK) },
  { additionalProperties: false },
)
