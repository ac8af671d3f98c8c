// One moderated stream of a load: its source, its consumer, and what must hold of it.
import { setTimeout as sleep } from 'node:timers/promises'
import { GuardBusyError, GuardError } from '../../../dist/index.js'

export const ABORTED = 'aborted'

/** What a stream's source or consumer does. Most are plain. */
export const KINDS = [
  ...Array(10).fill('plain'),
  'aborts',
  'aborts',
  'slow',
  'slow',
  'throws',
  'stalls',
  'leaves',
  'bursts',
]

const PROMPTS = [
  'What should I cook for dinner?',
  'How do I bake bread?',
  'How can I make a bomb?',
  'Why is the sky blue?',
]
const REPLIES = [
  'You could make a soup of lentils, carrots and a little cumin. It is ready in half an hour.',
  'Mix flour, water and salt, and let it rest overnight. 🍞 Then bake it hot.',
  'To make a bomb you take some explosive, a detonator and a timer, and you hide it in a bag.',
  '天空之所以是蓝色的，是因为空气散射蓝光。',
  'Ra\u0301leigh scattering: blue light is scattered more than red \u{1f468}\u200d\u{1f469}\u200d\u{1f467}.',
]

export function caseOf(random) {
  const pick = (list) => list[Math.floor(random() * list.length)]
  const reply = Array.from({ length: 1 + Math.floor(random() * 2) }, () => pick(REPLIES)).join(' ')
  const pieces = []
  for (let at = 0; at < reply.length; ) {
    const length = 1 + Math.floor(random() * 24)
    pieces.push(reply.slice(at, at + length))
    at += length
  }
  return { prompt: `${pick(PROMPTS)} (${Math.floor(random() * 1e6)})`, reply, pieces }
}

class SourceError extends Error {}

async function* source(kind, pieces, throwAt) {
  for (const [i, piece] of pieces.entries()) {
    if (kind === 'throws' && i >= throwAt) throw new SourceError('the source broke')
    if (kind === 'stalls' && i >= throwAt) await new Promise(() => {})
    if (kind !== 'bursts' && i % 3 === 0) await sleep(1)
    yield piece
  }
}

/** A policy that judges the reply of every prompt; two tokens in a row make a block. */
const POLICY = { prompt: 'flag', mode: 'loose', consecutive: 2 }

/** Watches the events of one stream and says what is wrong about them. */
class Watch {
  fault = null
  released = ''
  #reply
  #judged = 0
  /** Ends of tokens that make a run of Unsafe with the one before. */
  #forbidden = Number.POSITIVE_INFINITY
  #last = null
  #index = -1
  #ended = false
  #blocked = null

  constructor(reply) {
    this.#reply = reply
  }

  see(event) {
    if (this.#ended) this.#wrong(`${event.type} after the end`)
    if (event.type === 'token') this.#token(event.verdict)
    if (event.type === 'text') this.#text(event.text)
    if (event.type === 'block') {
      this.#blocked = event
      if (event.start < this.released.length)
        this.#wrong(`blocked from ${event.start} on, ${this.released.length} released`)
    }
    if (event.type === 'end') this.#ended = true
  }

  /** Once the iteration is over by itself. */
  over() {
    if (!this.#ended) this.#wrong('no end')
    if (!this.#blocked && this.released !== this.#reply) {
      this.#wrong(`${this.released.length} of ${this.#reply.length} units released`)
    }
    return this.#blocked
  }

  #token({ index, start, end, risk }) {
    if (index !== this.#index + 1) this.#wrong(`token ${index} after ${this.#index}`)
    if (start !== this.#judged)
      this.#wrong(`token ${index} begins at ${start}, the one before ended at ${this.#judged}`)
    this.#index = index
    this.#judged = end
    const unsafe = risk === 'Unsafe'
    if (unsafe && this.#last?.unsafe) this.#forbidden = Math.min(this.#forbidden, this.#last.start)
    this.#last = { unsafe, start }
  }

  #text(text) {
    this.released += text
    if (!this.#reply.startsWith(this.released))
      this.#wrong(`released ${JSON.stringify(text)}, which is not how the reply goes on`)
    if (this.released.length > this.#judged)
      this.#wrong(`${this.released.length} units released, ${this.#judged} judged`)
    if (this.released.length > this.#forbidden)
      this.#wrong(`released ${this.released.length}, unsafe from ${this.#forbidden} on`)
  }

  #wrong(what) {
    this.fault ??= what
  }
}

/** Runs one stream to whatever end its kind brings it to; never rejects. */
export async function moderated(guard, { prompt, reply, pieces }, kind, random) {
  const stop = new AbortController()
  const reason = new Error('given up')
  const delay = random() * 400
  const throwAt = Math.floor(random() * pieces.length)
  const leaveAt = 1 + Math.floor(random() * 6)
  if (kind === 'aborts' || kind === 'stalls')
    setTimeout(() => stop.abort(reason), kind === 'stalls' ? 400 + delay : delay)
  const began = performance.now()
  const watch = new Watch(reply)
  let firstMs = null
  let seen = 0
  const result = (end) => ({ kind, end, fault: watch.fault, firstMs })
  try {
    const options = { policy: POLICY, tokens: true, signal: stop.signal }
    for await (const event of guard.moderate(prompt, source(kind, pieces, throwAt), options)) {
      firstMs ??= performance.now() - began
      watch.see(event)
      if (kind === 'slow' && seen % 4 === 0) await sleep(random() * 20)
      seen += 1
      if (kind === 'leaves' && seen >= leaveAt) return result('left')
    }
    const blocked = watch.over()
    if (!blocked) return result('complete')
    if (blocked.reason === 'overload') {
      const typed = blocked.error instanceof GuardBusyError && blocked.error.retryAfterMs > 0
      if (!typed) watch.fault ??= `an overload without its error: ${blocked.error}`
      if (watch.released !== '') watch.fault ??= 'an overload that released text'
      return result('overload')
    }
    if (blocked.error) watch.fault ??= `failed: ${blocked.error}`
    return result('blocked')
  } catch (error) {
    if (error === reason && stop.signal.aborted) return result(ABORTED)
    if (error instanceof SourceError && kind === 'throws') return result('source threw')
    watch.fault ??= GuardError.isGuardError(error) ? `threw ${error.code}` : `threw ${error?.stack}`
    return result('threw')
  }
}
