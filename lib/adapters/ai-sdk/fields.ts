import type { Unjudged } from '../../stream/events.js'
import {
  anything,
  figure,
  figures,
  isObject,
  list,
  type Rule,
  type Rules,
  record,
  unknown,
  word,
  words,
} from '../known-fields.js'

/**
 * What providers attach that is no text, and that a later call may need: signatures, ids, sealed reasoning. Of the rest,
 * nobody knows whether a model has written it.
 */
const ATTACHED: Rules = {
  ...words(
    'signature',
    'redactedData',
    'itemId',
    'id',
    'responseId',
    'phase',
    'type',
    'ttl',
    'fileId',
    'containerId',
  ),
  ...words(
    'reasoningEncryptedContent',
    'encryptedContent',
    'thoughtSignature',
    'thought_signature',
    'serviceTier',
  ),
  ...words('index', 'stopSequence', 'generationId', 'finalProvider', 'cost'),
  ...Object.fromEntries(
    [
      'cacheCreationInputTokens',
      'cacheReadInputTokens',
      'cachedPromptTokens',
      'reasoningTokens',
      'promptCacheHitTokens',
      'promptCacheMissTokens',
      'acceptedPredictionTokens',
      'rejectedPredictionTokens',
    ].map((name) => [name, figure]),
  ),
  cacheControl: record(words('type', 'ttl')),
}

/** By provider: the names are those of packages. */
const METADATA: Rule = (value, at, sieve) => {
  if (value === null || value === undefined) return value
  if (!isObject(value)) return unknown(value, at, sieve)
  const providers = Object.entries(value).flatMap(([name, attached]) => {
    const isName = /^[\w.-]{1,64}$/u.test(name)
    const kept = isName ? record(ATTACHED)(attached, `${at}.${name}`, sieve) : unknown(attached, at, sieve)
    return kept === undefined ? [] : [[name, kept]]
  })
  return Object.fromEntries(providers)
}

const DETAILS = figures(
  'total',
  'noCache',
  'cacheRead',
  'cacheWrite',
  'text',
  'reasoning',
  'noCacheTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'textTokens',
  'reasoningTokens',
)

const tokens: Rule = (value, at, sieve) =>
  isObject(value) ? DETAILS(value, at, sieve) : figure(value, at, sieve)

const USAGE = record({
  inputTokens: tokens,
  outputTokens: tokens,
  totalTokens: figure,
  reasoningTokens: figure,
  cachedInputTokens: figure,
  inputTokenDetails: DETAILS,
  outputTokenDetails: DETAILS,
})

const REASON: Rule = (value, at, sieve) =>
  isObject(value) ? record(words('unified', 'raw'))(value, at, sieve) : word(value, at, sieve)

const WARNINGS = list(
  record({ ...words('type', 'setting', 'feature', 'details', 'message', 'deprecation'), tool: anything }),
)

const RESPONSE = record({ ...words('id', 'timestamp', 'modelId'), headers: anything })

const PERFORMANCE = record({
  ...Object.fromEntries(
    [
      'effectiveOutputTokensPerSecond',
      'outputTokensPerSecond',
      'inputTokensPerSecond',
      'effectiveTotalTokensPerSecond',
      'stepTimeMs',
      'responseTimeMs',
      'timeToFirstOutputMs',
    ].map((name) => [name, figure]),
  ),
  toolExecutionMs: anything,
})

const SOURCE: Rules = {
  ...words('type', 'sourceType', 'id', 'url', 'title', 'mediaType', 'filename'),
  providerMetadata: METADATA,
}

/** What a text cites are its sources, not the text: that of the cited place may be anything. */
const CITATIONS = list(
  record({ ...words('type'), source: record(SOURCE), startIndex: figure, endIndex: figure }),
)

/** What of a part passes beside its text. */
export const TEXT_PART: Rules = { ...words('type', 'id'), citations: CITATIONS, providerMetadata: METADATA }

const FILE: Rules = {
  ...words('type', 'mediaType'),
  file: anything,
  data: anything,
  providerMetadata: METADATA,
}

const TOOL: Rules = {
  ...words('type', 'toolCallId', 'toolName', 'title', 'signature'),
  ...words('providerExecuted', 'dynamic', 'invalid', 'preliminary', 'isError'),
  providerMetadata: METADATA,
  toolMetadata: anything,
  input: anything,
  output: anything,
  result: anything,
  error: anything,
}

const TOOL_INPUT: Rules = {
  ...words('type', 'id', 'toolName', 'inputEncoding', 'title', 'providerExecuted', 'dynamic'),
  providerMetadata: METADATA,
  toolMetadata: anything,
}

const TOOL_INPUT_DELTA: Rules = { ...words('type', 'id'), delta: anything, providerMetadata: METADATA }

const APPROVAL: Rules = {
  ...words('type', 'approvalId', 'toolCallId', 'signature', 'approved', 'isAutomatic', 'providerExecuted'),
  providerMetadata: METADATA,
  toolCall: anything,
  reason: anything,
}

/** Fields of a tool's parts that a model or a tool has written. */
export const PAYLOAD = [
  'delta',
  'input',
  'output',
  'result',
  'error',
  'toolCall',
  'reason',
  'toolMetadata',
] as const

interface KnownPart {
  rules: Rules
  /** What it is, where it is not the reply's own text. */
  what?: Unjudged
  /** Whether it holds nothing of the reply, and need not wait for the prompt's verdict. */
  opening?: true
  /** Whether no text goes on after it: streamText waits for its reader to see some of them before it ends. */
  closing?: true
}

/** Parts besides those of texts: of a model's stream and result, and of streamText's. */
export const PARTS: Readonly<Record<string, KnownPart>> = {
  'stream-start': { rules: { type: word, warnings: WARNINGS }, opening: true },
  'response-metadata': {
    rules: { ...words('type', 'id', 'timestamp', 'modelId'), headers: anything },
    opening: true,
  },
  ping: { rules: words('type'), opening: true },
  start: { rules: words('type'), opening: true },
  'start-step': { rules: { type: word, request: anything, warnings: WARNINGS }, opening: true },
  'finish-step': {
    rules: {
      ...words('type', 'rawFinishReason'),
      finishReason: REASON,
      response: RESPONSE,
      usage: USAGE,
      performance: PERFORMANCE,
      providerMetadata: METADATA,
    },
    closing: true,
  },
  finish: {
    rules: {
      ...words('type', 'rawFinishReason'),
      finishReason: REASON,
      usage: USAGE,
      totalUsage: USAGE,
      providerMetadata: METADATA,
    },
    closing: true,
  },
  error: { rules: { type: word, error: anything }, closing: true },
  abort: { rules: words('type', 'reason'), closing: true },
  source: { rules: SOURCE },
  custom: { rules: { ...words('type', 'kind'), providerMetadata: METADATA } },
  // What the user has said meanwhile.
  'steering-message': { rules: { ...words('type', 'id', 'stepNumber'), message: anything } },
  file: { rules: FILE, what: 'media' },
  'reasoning-file': { rules: FILE, what: 'media' },
  'tool-input-start': { rules: TOOL_INPUT, what: 'tool-call' },
  'tool-input-delta': { rules: TOOL_INPUT_DELTA, what: 'tool-call' },
  'tool-input-end': { rules: TOOL_INPUT, what: 'tool-call' },
  'tool-call': { rules: TOOL, what: 'tool-call' },
  'tool-result': { rules: TOOL, what: 'tool-result' },
  'tool-error': { rules: TOOL, what: 'tool-result' },
  'tool-output-denied': { rules: TOOL, what: 'tool-result' },
  'tool-approval-request': { rules: APPROVAL, what: 'tool-call' },
  'tool-approval-response': { rules: APPROVAL, what: 'tool-call' },
}

/** What passes of the result of a call that does not stream, beside its content. Its body repeats everything. */
export const RESULT: Rules = {
  finishReason: REASON,
  usage: USAGE,
  providerMetadata: METADATA,
  request: anything,
  response: RESPONSE,
  warnings: WARNINGS,
}
