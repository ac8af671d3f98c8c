import Type, { type TSchema } from 'typebox'
import { CATEGORIES } from '../../labels.js'

/** Parts of the schemas of several routes. */

/** One of a few words. */
export function literals<Word extends string>(words: readonly Word[], description: string) {
  return Type.Unsafe<Word>(Type.Enum([...words], { description }))
}

const ACTION = literals(['allow', 'flag', 'block'], "'allow', 'flag' or 'block'")

export const POLICY = Type.Object(
  {
    mode: Type.Optional(literals(['strict', 'loose'], "'strict' or 'loose'")),
    categories: Type.Optional(
      Type.Object(Object.fromEntries(CATEGORIES.map((name) => [name, Type.Optional(ACTION)])), {
        additionalProperties: false,
        description: 'an action for each of some categories',
      }),
    ),
    threshold: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'a probability above 0 and up to 1' }),
    ),
    consecutive: Type.Optional(Type.Integer({ minimum: 1, description: 'a whole number from 1' })),
    mixedPairs: Type.Optional(Type.Boolean({ description: 'true or false' })),
    prompt: Type.Optional(ACTION),
    onFailure: Type.Optional(literals(['block', 'allow'], "'block' or 'allow'")),
  },
  { additionalProperties: false, description: 'a policy, as docs/guides/policy.md describes it' },
)

/** What the guards read as messages: OpenAI's, the AI SDK's and ours. What of them is none is said by the one who reads them. */
export const MESSAGES = Type.Array(Type.Object({}, { description: 'a message' }), {
  minItems: 1,
  description: 'a list of messages, as OpenAI writes them',
})

export const TEXT = Type.String({ description: 'a text' })

/** A field that clients of other services send, and that has no meaning here. */
export const IGNORED: TSchema = Type.Optional(Type.Unknown())

export const HOLD_BACK = Type.Union(
  [Type.Literal('token'), Type.Literal('sentence'), Type.Integer({ minimum: 0 })],
  {
    description: "'token', 'sentence' or a whole number of tokens",
  },
)
