import type { Part } from './part.js'

/** In a finish part, tells a block by the guard from one by the provider. */
export const RAW_REASON = 'qwen3guard'

/** The finish part of a model's stream: versions of the interface differ in it. */
export function modelFinish(specificationVersion: string): Part {
  if (specificationVersion === 'v2') {
    const usage = { inputTokens: undefined, outputTokens: undefined, totalTokens: undefined }
    return { type: 'finish', finishReason: 'content-filter', usage }
  }
  return {
    type: 'finish',
    finishReason: finishReasonLike({}),
    usage: {
      inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: undefined, text: undefined, reasoning: undefined },
    },
  }
}

export function finishReasonLike(reason: unknown) {
  return typeof reason === 'string' ? 'content-filter' : { unified: 'content-filter', raw: RAW_REASON }
}

/** What ends the stream of streamText. What the model has used until it was stopped, nobody has told. */
export function streamTextFinish(inStep: boolean): Part[] {
  const usage = {
    inputTokens: undefined,
    inputTokenDetails: { noCacheTokens: undefined, cacheReadTokens: undefined, cacheWriteTokens: undefined },
    outputTokens: undefined,
    outputTokenDetails: { textTokens: undefined, reasoningTokens: undefined },
    totalTokens: undefined,
  }
  const reason = { finishReason: 'content-filter', rawFinishReason: RAW_REASON }
  const response = { id: RAW_REASON, timestamp: new Date(), modelId: 'unknown' }
  // As streamText itself begins a step's figures, before it knows any.
  const performance = {
    effectiveOutputTokensPerSecond: 0,
    outputTokensPerSecond: undefined,
    inputTokensPerSecond: undefined,
    effectiveTotalTokensPerSecond: 0,
    stepTimeMs: 0,
    responseTimeMs: 0,
    toolExecutionMs: {},
    timeToFirstOutputMs: undefined,
  }
  const step = { type: 'finish-step', response, usage, performance, providerMetadata: undefined, ...reason }
  return [...(inStep ? [step] : []), { type: 'finish', totalUsage: usage, ...reason }]
}
