import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { TSchema } from 'typebox'
import { packageRoot } from '../binding/package-root.js'
import { CLASSIFY_REQUEST, LABEL_REQUEST } from './schema/classify.js'
import { DECISION_REQUEST, SYSTEM_ONE_REQUEST } from './schema/decisions.js'
import { GUARDRAIL_REQUEST, WEBHOOK_REQUEST, WEBHOOK_RESPONSE } from './schema/gateways.js'
import { LIVE_POLICY, LIVE_REQUEST, LIVE_TEXT } from './schema/live.js'
import { MODERATION_REQUEST } from './schema/moderations.js'
import { CHAT_REQUEST, RESPONSE_REQUEST } from './schema/proxy.js'
import { REWARD_BATCH, REWARD_SAMPLE } from './schema/rewards.js'
import type { App } from './served.js'

/** What a route is for, and the schema that its requests are checked with. */
interface Operation {
  summary: string
  body?: TSchema
  /** Content types of what is answered, besides errors. Default JSON. */
  answers?: string[]
  open?: boolean
}

const STREAMED = ['application/json', 'text/event-stream']
const EITHER = { anyOf: [REWARD_BATCH, REWARD_SAMPLE] } as TSchema

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'POST /v1/moderations': { summary: "OpenAI's moderation endpoint", body: MODERATION_REQUEST },
  'POST /v1/classify': {
    summary: 'All that the guards know of one conversation or many',
    body: { anyOf: [CLASSIFY_REQUEST, LABEL_REQUEST] } as TSchema,
    answers: ['application/json', 'application/x-ndjson'],
  },
  'POST /classify': { summary: 'Labels with probabilities, as vLLM answers', body: LABEL_REQUEST },
  'POST /v1/chat/completions': {
    summary: "The upstream's chat completions, moderated",
    body: CHAT_REQUEST,
    answers: STREAMED,
  },
  'POST /v1/responses': {
    summary: "The upstream's responses, moderated",
    body: RESPONSE_REQUEST,
    answers: STREAMED,
  },
  'POST /beta/litellm_basic_guardrail_api': {
    summary: "LiteLLM's generic guardrail API",
    body: GUARDRAIL_REQUEST,
  },
  'POST /request': { summary: "agentgateway's webhook for prompts", body: WEBHOOK_REQUEST },
  'POST /response': { summary: "agentgateway's webhook for replies", body: WEBHOOK_RESPONSE },
  'POST /get_reward': { summary: 'Rewards for training, as OpenRLHF asks for them', body: EITHER },
  'POST /v1/rewards': { summary: 'The same; one of slime as well', body: EITHER },
  'POST /v1/decisions': { summary: "Fixed questions, as OpenAI's decisions", body: DECISION_REQUEST },
  'POST /v1/systemone': { summary: 'Fixed questions, as System One', body: SYSTEM_ONE_REQUEST },
  'POST /v1/live': { summary: 'Opens a live session', body: LIVE_REQUEST },
  'GET /v1/live/{id}': { summary: 'How far a live session is' },
  'DELETE /v1/live/{id}': { summary: 'Ends a live session' },
  'GET /v1/live/{id}/events': { summary: "A live session's events", answers: ['text/event-stream'] },
  'POST /v1/live/{id}/text': { summary: 'More text of the reply', body: LIVE_TEXT },
  'POST /v1/live/{id}/policy': { summary: 'The same verdicts under another policy', body: LIVE_POLICY },
  'GET /health': { summary: 'Whether the server can judge', open: true },
  'GET /v1/health': { summary: 'Whether the server can judge', open: true },
  'GET /metrics': { summary: "Figures in Prometheus' format", answers: ['text/plain'] },
  'GET /openapi.json': { summary: 'This description' },
}

const ERROR = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: { type: ['string', 'null'] },
        code: { type: ['string', 'null'] },
      },
    },
  },
}

/** `GET /openapi.json`: the routes that this app has. To be called when all others are there. */
export function mountOpenApi(app: App): void {
  let document: object | null = null
  app.get('/openapi.json', (call) => {
    document ??= describe(app, packageVersion())
    return call.json(document)
  })
}

function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(path.join(packageRoot().folder, 'package.json'), 'utf8')) as object
  return 'version' in manifest ? String(manifest.version) : '0'
}

function describe(app: App, version: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const { path: route, method } of app.routes) {
    const pattern = route.replace(/:(\w+)/gu, '{$1}')
    const operation = OPERATIONS[`${method} ${pattern}`]
    if (!operation) continue
    paths[pattern] = { ...paths[pattern], [method.toLowerCase()]: operationOf(operation, pattern) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'qwen3guard', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths,
    components: {
      schemas: { Error: ERROR },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        key: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
    },
  }
}

function operationOf(
  { summary, body, answers = ['application/json'], open }: Operation,
  pattern: string,
): object {
  const parameters = [...pattern.matchAll(/\{(\w+)\}/gu)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const content = Object.fromEntries(answers.map((type) => [type, {}]))
  return {
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: {
      '2XX': { description: 'The answer', content },
      default: {
        description: 'An error',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
    // Of these, one; none where the server has no keys.
    security: open ? [] : [{}, { bearer: [] }, { key: [] }],
  }
}
