import Type, { type Static } from 'typebox'
import { IGNORED, literals, MESSAGES } from './shared.js'

const TOOL_CALLS = Type.Optional(
  Type.Union(
    [
      Type.Array(
        Type.Object({
          function: Type.Optional(
            Type.Union([
              Type.Object({ arguments: Type.Optional(Type.Union([Type.String(), Type.Null()])) }),
              Type.Null(),
            ]),
          ),
        }),
      ),
      Type.Null(),
    ],
    { description: 'a list of tool calls' },
  ),
)

/** LiteLLM's generic guardrail API. It adds fields as it grows, which are let be. */
export const GUARDRAIL_REQUEST = Type.Object(
  {
    input_type: literals(['request', 'response'], "'request' or 'response'"),
    texts: Type.Optional(
      Type.Union([Type.Array(Type.String({ description: 'a text' })), Type.Null()], {
        description: 'a list of texts',
      }),
    ),
    images: Type.Optional(
      Type.Union([Type.Array(Type.Unknown()), Type.Null()], { description: 'a list of images' }),
    ),
    tool_calls: TOOL_CALLS,
    structured_messages: Type.Optional(
      Type.Union([MESSAGES, Type.Array(Type.Unknown(), { maxItems: 0 }), Type.Null()]),
    ),
    litellm_call_id: Type.Optional(Type.Union([Type.String({ maxLength: 512 }), Type.Null()])),
    additional_provider_specific_params: IGNORED,
  },
  { additionalProperties: true },
)
export type GuardrailRequest = Static<typeof GUARDRAIL_REQUEST>

/** Of these our guards take: what a block does, how much of a stream is to be held back, another policy. */
export const GUARDRAIL_PARAMS = Type.Object(
  {
    on_block: Type.Optional(literals(['block', 'truncate'], "'block' or 'truncate'")),
    holdback: Type.Optional(literals(['list', 'number', 'none'], "'list', 'number' or 'none'")),
    policy: Type.Optional(Type.Unknown()),
  },
  { additionalProperties: true },
)

/** agentgateway's webhooks. */
export const WEBHOOK_REQUEST = Type.Object(
  { body: Type.Object({ messages: MESSAGES }, { additionalProperties: true, description: '{ messages }' }) },
  { additionalProperties: true },
)
export const WEBHOOK_RESPONSE = Type.Object(
  {
    body: Type.Object(
      {
        choices: Type.Array(
          Type.Object(
            { message: Type.Object({ content: Type.Optional(Type.Union([Type.String(), Type.Null()])) }) },
            { additionalProperties: true },
          ),
          { description: 'a list of choices' },
        ),
      },
      { additionalProperties: true, description: '{ choices }' },
    ),
  },
  { additionalProperties: true },
)
