import Type, { type Static } from 'typebox'
import { IGNORED, MESSAGES } from './shared.js'

const INSTRUCTIONS = {
  instructions: IGNORED,
  name: Type.Optional(Type.String({ description: 'the name of a question' })),
}

const QUESTION = Type.Union(
  [
    Type.Object({ type: Type.Literal('predicate'), ...INSTRUCTIONS }),
    Type.Object({
      type: Type.Literal('choice'),
      ...INSTRUCTIONS,
      choices: Type.Array(Type.Object({ value: Type.Union([Type.String(), Type.Boolean()]) })),
    }),
    Type.Object({
      type: Type.Literal('score'),
      ...INSTRUCTIONS,
      levels: Type.Array(Type.Object({ label: Type.String() })),
    }),
  ],
  { description: "a question { type: 'predicate' | 'choice' | 'score', name }" },
)
export type Question = Static<typeof QUESTION>

/** As OpenAI's. */
export const DECISION_REQUEST = Type.Object(
  {
    input: Type.Union([Type.String(), MESSAGES], { description: 'a text or a list of messages' }),
    questions: Type.Array(QUESTION, { minItems: 1, maxItems: 256, description: 'a list of questions' }),
    model: Type.Optional(Type.String({ description: 'the name of a model' })),
  },
  { additionalProperties: true },
)

/** As TypeSafe's and llama.cpp's. */
export const SYSTEM_ONE_REQUEST = Type.Object(
  {
    state: Type.Unknown(),
    questions: Type.Record(
      Type.String(),
      Type.Object(
        {
          type: Type.Union([Type.Literal('choice'), Type.Literal('score'), Type.Literal('noul')], {
            description: "'choice', 'score' or 'noul'",
          }),
          criteria: IGNORED,
          instructions: IGNORED,
        },
        { description: 'a question { type, instructions, criteria }' },
      ),
      { description: 'questions by their names' },
    ),
    model: Type.Optional(Type.String({ description: 'the name of a model' })),
  },
  { additionalProperties: true },
)
