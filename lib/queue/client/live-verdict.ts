import type { GenVerdict } from '../../gen/guard.js'
import type { PromptVerdict, ReplyVerdict } from '../../stream/verdict.js'

/** A verdict of somewhere else. */
export type LiveVerdict = (
  | (GenVerdict & { kind: 'gen' })
  | { kind: 'stream'; prompt: PromptVerdict; reply: ReplyVerdict | null }
) & {
  model: string
  /** The address of the server that has judged; not by a queue. */
  server?: string
}

/** How a check is sent. */
export interface Sending {
  kind: 'gen' | 'stream' | undefined
  /** For the whole check, tries on other servers among it. */
  timeoutMs: number
  /** After which a second server is asked as well; none without it. */
  hedgeMs: number | undefined
  signal: AbortSignal | undefined
}
