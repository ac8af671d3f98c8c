import type { ModerationEvent, TokenVerdict } from '../index.js'
import { Paint, placeOf, promptLine, replyLine, TokenPrinter } from './display.js'
import type { WouldBlock } from './policy-stop.js'
import { printable } from './printable.js'
import { wrapVerdict } from './wrap.js'

/** What is shown of a moderation: its events, and where a policy would have ended it; of a stream with the text it is about. */
export type ShownEvent = (ModerationEvent | WouldBlock) & { of?: string }

/** An event a line. */
export class JsonLines {
  format(event: ShownEvent): string {
    // An Error's message is not enumerable, so JSON would drop it.
    const error =
      'error' in event && event.error ? { code: event.error.code, message: event.error.message } : null
    return `${JSON.stringify(error ? { ...event, error } : event)}\n`
  }
}

/** What a text of its own is called that needs no title: the answer of a reply with one choice. */
const PLAIN = new Set(['', '0 content', '0 response.output_text'])

/** The prompt's verdict, the reply as its tokens become final, where it was flagged, and where a policy would have stopped it. */
export class Transcript {
  readonly #paint = new Paint(process.stdout)
  readonly #texts = new Map<string, ShownText>()
  #prompted = false
  /** The text that was last written of. */
  #last = ''

  format(event: ShownEvent): string {
    const { of = '' } = event
    switch (event.type) {
      case 'prompt':
        // Each text of a stream is a reply to it.
        if (this.#prompted) return ''
        this.#prompted = true
        return `${promptLine(this.#paint, event.verdict)}\n\n`
      case 'token':
        return this.#title(of) + this.#textOf(of).print(event.verdict)
      case 'block':
        return this.#paint.dim(
          `\n[blocked: ${event.reason}; nothing from character ${event.start} on is released]`,
        )
      case 'would-block': {
        const title = this.#title(of)
        this.#textOf(of).stop = event
        const what = event.reason === 'prompt' ? 'at the prompt' : 'here'
        return `${title}${this.#paint.dim(`[the policy would stop ${what}]`)}`
      }
      case 'unjudged':
        return `${this.#paint.dim(`[not judged: ${printable([event.what, event.name ?? ''].join(' ').trim())}]`)}\n`
      case 'end': {
        const text = this.#textOf(of)
        const flagged = event.verdict.at === null ? undefined : text.risky.get(event.verdict.at)
        const lines = [replyLine(this.#paint, event.verdict, flagged)]
        if (text.stop) lines.push(stopLine(text.stop))
        const title = this.#title(of)
        this.#last = ''
        return `${title}\n\n${lines.join('\n')}\n`
      }
      default:
        return ''
    }
  }

  /** Names the text that is written of from here on, where it is another. */
  #title(of: string): string {
    if (of === this.#last) return ''
    const before = this.#last === '' ? (this.#texts.size > 0 ? '\n' : '') : '\n\n'
    this.#last = of
    return PLAIN.has(of) && this.#texts.size === 0
      ? ''
      : `${before}${this.#paint.dim(`[${printable(of)}]`)}\n`
  }

  #textOf(of: string): ShownText {
    const text = this.#texts.get(of) ?? new ShownText(this.#paint)
    this.#texts.set(of, text)
    return text
  }
}

class ShownText {
  /** Tokens that are not Safe: one of them decides, if any does. */
  readonly risky = new Map<number, TokenVerdict>()
  readonly #printer: TokenPrinter
  stop: WouldBlock | null = null

  constructor(paint: Paint) {
    this.#printer = new TokenPrinter(paint)
  }

  print(verdict: TokenVerdict): string {
    if (verdict.risk !== 'Safe') this.risky.set(verdict.index, verdict)
    return this.#printer.print(verdict)
  }
}

function stopLine({ reason, verdict, start }: WouldBlock): string {
  const about =
    reason === 'prompt' || !('index' in verdict)
      ? 'the prompt is stopped, and no reply shown'
      : `stopped by token ${verdict.index}, ${placeOf(verdict)}  nothing from character ${start} on shown`
  return wrapVerdict(`Policy  ${about}`, 8)
}
