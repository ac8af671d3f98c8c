import Type from 'typebox'
import { MESSAGES } from './shared.js'

/** OpenAI's, which asks for what was found beside the answer. What this server blocks is its own policy's. */
const MODERATION = Type.Object({}, { description: "an object such as { model: 'omni-moderation-latest' }" })

/** The fields that matter here: the others are the upstream's. */
export const CHAT_REQUEST = Type.Object(
  {
    messages: MESSAGES,
    stream: Type.Optional(Type.Union([Type.Boolean(), Type.Null()], { description: 'true or false' })),
    n: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 128 }), Type.Null()], {
        description: 'a whole number from 1 to 128',
      }),
    ),
    moderation: Type.Optional(Type.Union([MODERATION, Type.Null()], { description: 'an object' })),
  },
  { additionalProperties: true },
)

export const RESPONSE_REQUEST = Type.Object(
  {
    input: Type.Union([Type.String(), MESSAGES], { description: 'a text or a list of input items' }),
    stream: Type.Optional(Type.Union([Type.Boolean(), Type.Null()], { description: 'true or false' })),
    background: Type.Optional(
      Type.Union([Type.Literal(false), Type.Null()], {
        description: 'false: an answer that is fetched later would not be moderated',
      }),
    ),
    moderation: Type.Optional(Type.Union([MODERATION, Type.Null()], { description: 'an object' })),
  },
  { additionalProperties: true },
)
