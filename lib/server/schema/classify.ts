import Type, { type Static } from 'typebox'
import { literals, MESSAGES, POLICY, TEXT } from './shared.js'

const CONVERSATION = {
  prompt: Type.Optional(TEXT),
  response: Type.Optional(TEXT),
  messages: Type.Optional(MESSAGES),
}

/** One conversation: a text is a user's message. */
export const CLASSIFY_ITEM = Type.Union(
  [Type.String(), Type.Object(CONVERSATION, { additionalProperties: false })],
  {
    description: 'a text, { prompt, response } or { messages }',
  },
)
export type ClassifyItem = Static<typeof CLASSIFY_ITEM>

const HOW = {
  by: Type.Optional(literals(['gen', 'stream'], "'gen' or 'stream'")),
  policy: Type.Optional(POLICY),
  history: Type.Optional(literals(['error', 'drop'], "'error' or 'drop'")),
  too_long: Type.Optional(literals(['error', 'window'], "'error' or 'window'")),
  tokens: Type.Optional(Type.Boolean({ description: 'true or false' })),
}

/** What can stand in the query of a request whose body is rows. */
export const CLASSIFY_QUERY = Type.Object(
  { by: HOW.by, history: HOW.history, too_long: HOW.too_long },
  { additionalProperties: false },
)

export const CLASSIFY_REQUEST = Type.Object(
  {
    ...CONVERSATION,
    inputs: Type.Optional(Type.Array(CLASSIFY_ITEM, { minItems: 1, description: 'a list of conversations' })),
    ...HOW,
    model: Type.Optional(Type.String({ description: 'the name of a model' })),
  },
  { additionalProperties: false },
)
export type ClassifyRequest = Static<typeof CLASSIFY_REQUEST>

/** As vLLM's and SGLang's. */
export const LABEL_REQUEST = Type.Object(
  {
    input: Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], {
      description: 'a text or a list of texts',
    }),
    model: Type.Optional(Type.String({ description: 'the name of a model' })),
  },
  { additionalProperties: true },
)
