import type { BlockEvent } from '../../adapters/moderator.js'
import type { Policy } from '../../policy.js'
import type { Message } from '../../types.js'
import type { Served } from '../served.js'
import type { Service } from '../service.js'
import { ReplySession } from './reply-session.js'

/** What the replies of a gateway's call are judged against where nobody has said what was asked. */
const UNKNOWN_PROMPT: Message[] = [{ role: 'user', content: '' }]

/** What was found of one text as it stands. */
export interface TextSoFar {
  block: BlockEvent | null
  /** UTF-16 units that may go out, whatever comes. */
  released: number
}

/**
 * The texts of one call of a gateway, which sends each whole again as it grows: only what is new of it is judged. Requests of
 * one call are carried out one after the other.
 */
export class CallReplies {
  /** What was asked, as far as the gateway has said so. */
  prompt: Message[] | null = null
  readonly #service: Service
  readonly #texts = new Map<string, { session: ReplySession; block: BlockEvent | null; close: () => void }>()
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(service: Service) {
    this.#service = service
  }

  /** Judges a text as if it ended here. @param key tells the texts of the call apart @throws HttpError, and as `ReplySession` */
  judge(key: string, text: string, policy: Policy, served: Served): Promise<TextSoFar> {
    const result = this.#turn.then(() => this.#judge(key, text, policy, served))
    this.#turn = result.catch(() => {})
    return result
  }

  async #judge(key: string, text: string, policy: Policy, served: Served): Promise<TextSoFar> {
    let known = this.#texts.get(key)
    // Another text in its place: what was judged of the old one says nothing.
    if (known && !text.startsWith(known.session.text)) {
      known.close()
      known = undefined
    }
    // A block stands, whatever came after.
    if (known?.block) return { block: known.block, released: known.session.released }
    const entry = known ?? (await this.#open(policy, served))
    this.#texts.set(key, entry)
    const { session } = entry
    const since = performance.now()
    const before = session.tokens.length
    const ended = this.#service.onCheck({ kind: 'stream', of: 'reply', request: served.id })
    try {
      const fresh = text.slice(session.received)
      const events = [...(fresh === '' ? [] : await session.push(fresh)), ...(await session.settle())]
      entry.block = events.find((event) => event.type === 'block') ?? null
      const verdict = entry.block?.verdict ?? null
      const safety = verdict
        ? 'risk' in verdict
          ? verdict.risk
          : verdict.safety
        : entry.block
          ? 'Unsafe'
          : 'Safe'
      const categories = verdict?.category ? [verdict.category] : []
      const tokens = session.tokens.length - before
      const model = this.#service.models.stream
      const { action } = session
      ended({ ms: performance.now() - since, safety, categories, refusal: null, action, tokens, model })
      if (this.#closed) entry.close()
      return { block: entry.block, released: session.released }
    } catch (error) {
      ended({ ms: performance.now() - since, error })
      throw error
    }
  }

  async #open(policy: Policy, served: Served) {
    const service = this.#service
    const since = performance.now()
    const session = await ReplySession.open(
      service.stream(),
      this.prompt ?? UNKNOWN_PROMPT,
      {
        // What was asked is judged when it is asked.
        policy: { ...policy, prompt: 'allow' },
        holdBack: service.replies.holdBack,
        judgesOn: false,
        open: {
          reasoning: false,
          tooLong: service.tooLong === 'window' ? 'slide' : 'error',
          history: 'drop',
          queueTimeoutMs: service.limits.queueMs,
        },
        signal: service.closing,
      },
      service.seats,
    )
    session.begun()
    const closed = service.onStream({ of: 'gateway', request: served.id })
    const close = () => {
      const { received, released, action } = session
      closed({ ms: performance.now() - since, action, received, released })
      session.close()
    }
    return { session, block: null as BlockEvent | null, close }
  }

  close(): void {
    this.#closed = true
    for (const { close } of this.#texts.values()) close()
    this.#texts.clear()
  }
}
