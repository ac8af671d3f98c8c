/** Members of `usage` that say how a verdict was come by, and differ with what the engine did before and does beside. */
const OF_THE_RUN: ReadonlySet<string> = new Set(['cachedTokens', 'passes', 'ms'])

/** A result without what differs from run to run: a row's output is to depend on the row alone. */
export function reproducible(result: object): object {
  if (!('usage' in result)) return result
  const usage = Object.entries(result.usage as object).filter(([name]) => !OF_THE_RUN.has(name))
  return { ...result, usage: Object.fromEntries(usage) }
}
