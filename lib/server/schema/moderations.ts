import Type, { type Static } from 'typebox'
import { POLICY } from './shared.js'

const TEXT_PART = Type.Object(
  { type: Type.Literal('text'), text: Type.String({ description: 'a text' }) },
  { description: "a part { type: 'text', text }" },
)
const IMAGE_PART = Type.Object(
  { type: Type.Literal('image_url'), image_url: Type.Unknown() },
  { description: "a part { type: 'image_url' }" },
)

export const MODERATION_REQUEST = Type.Object(
  {
    input: Type.Union(
      [
        Type.String(),
        Type.Array(Type.String(), { minItems: 1 }),
        Type.Array(Type.Union([TEXT_PART, IMAGE_PART]), { minItems: 1 }),
      ],
      { description: 'a text, a list of texts, or a list of parts of one text' },
    ),
    model: Type.Optional(Type.String({ description: 'the name of a model' })),
    policy: Type.Optional(POLICY),
  },
  { additionalProperties: false },
)
export type ModerationRequest = Static<typeof MODERATION_REQUEST>
