import type { ModerationEvent, Unjudged } from '../stream/events.js'
import { MODERATE_KEYS, type ModerateOptions, NOT_JUDGED } from '../stream/moderate.js'
import { openSource, requireStream, type Source } from '../stream/open-source.js'
import type { Input } from '../types.js'
import { Announcer } from './announcer.js'
import { Bell } from './channel.js'
import { JudgedText } from './judged-text.js'
import { Turn } from './judged-turn.js'
import type { AdapterOptions, BlockEvent, Moderator } from './moderator.js'
import type { Item, TextPiece } from './outgoing-item.js'
import type { Piece, Shape, Write } from './source-pieces.js'

const STOPPED = Symbol('the consumer takes no more')

/**
 * The parts of a source with their text moderated. Parts of one lane keep their order; a part without a lane
 * comes after all that came before it and before all that came after it. The source is read while the consumer
 * waits for a part, and no further ahead than `moderate` reads a reply.
 */
export class ModeratedParts<P> implements AsyncIterableIterator<P, void, undefined> {
  readonly #turn: Turn
  readonly #shape: Shape<P>
  readonly #options: AdapterOptions
  readonly #stop = new AbortController()
  readonly #bell = new Bell()
  readonly #parts = this.#run()
  #source: Source<P> | null = null
  #sourceDone = false
  #sourceFailure: { error: unknown } | null = null
  #reading = false
  /** Whether the source has given anything: what a block must look like may depend on it. */
  #begun = false
  #over = false
  #queue: Item<P>[] = []
  /** Lanes seen, those with a block, and those whose block has gone out. */
  readonly #lanes = new Set<string>()
  readonly #blockedLanes = new Set<string>()
  readonly #closedLanes = new Set<string>()
  /** Lanes of which nothing more is taken, since something in them was refused; undefined for all. */
  readonly #refusedLanes = new Set<string | undefined>()
  readonly #announcer: Announcer
  /** The latest piece of each text that more can come of. */
  readonly #latest = new Map<JudgedText, TextPiece<P>>()
  /** What is to be told before anything else. */
  readonly #announced: readonly ModerationEvent[]
  /** Texts that are not over, and those of them that more can come of. */
  readonly #texts = new Set<JudgedText>()
  readonly #openTexts = new Map<string, JudgedText>()
  /** The first moderation: it judges the prompt while the source makes its first part. */
  readonly #first: JudgedText
  readonly #firstEvents: AsyncIterable<ModerationEvent>
  #firstIsFree = true
  #started = false
  readonly #onAbort = () => this.#stop.abort(this.#options.signal?.reason)

  /** @throws TypeError or RangeError for input and options, as `moderate` */
  constructor(
    guard: Moderator,
    input: Input,
    shape: Shape<P>,
    options: AdapterOptions,
    announced: readonly ModerationEvent[] = [],
  ) {
    this.#announced = announced
    this.#announcer = new Announcer((event) => options.onEvent?.(event))
    this.#turn = new Turn(guard, input)
    this.#shape = shape
    this.#options = options
    this.#first = this.#newText()
    this.#firstEvents = this.#turn.moderate(this.#first.reply, this.#moderateOptions(false))
  }

  /** Begins to judge the prompt. Idempotent; `next` does it otherwise. */
  start(): void {
    if (this.#started) return
    this.#started = true
    const { signal } = this.#options
    this.#stop.signal.addEventListener('abort', () => this.#stopSource())
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted) this.#onAbort()
    this.#turn.start()
    this.#begin(this.#first, () => this.#firstEvents)
  }

  /**
   * Says what the source is; before, nothing but the prompt is judged.
   * @throws TypeError if it is no stream
   */
  read(source: AsyncIterable<P> | ReadableStream<P>): this {
    requireStream(source)
    this.#source = openSource(source)
    this.#bell.ring()
    return this
  }

  /** @throws the source's error, `signal.reason`, or what `onEvent` throws */
  async next(): Promise<IteratorResult<P, void>> {
    this.start()
    try {
      return await this.#parts.next()
    } catch (error) {
      if (error === STOPPED) return { done: true, value: undefined }
      throw error
    }
  }

  /** Stops the source and frees the guard, also while `next` waits. */
  async return(): Promise<IteratorResult<P, void>> {
    this.#stop.abort(STOPPED)
    await this.#parts.return()
    await this.#close()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async *#run(): AsyncGenerator<P, void, undefined> {
    try {
      for (const event of this.#announced) this.#announcer.tell(event)
      while (!this.#over) {
        this.#stop.signal.throwIfAborted()
        const item = this.#nextItem()
        if (item) {
          yield* this.#send(item)
        } else if (this.#first.block && !this.#first.cleared && (this.#begun || this.#sourceDone)) {
          yield* this.#blocked(this.#laneOf(this.#first), this.#first.block)
        } else {
          this.#throwFailure()
          if (this.#sourceDone && this.#queue.length === 0 && this.#texts.size === 0) break
          this.#readOn()
          await this.#bell.wait()
        }
      }
    } finally {
      await this.#close()
    }
  }

  /** The first item that may go out now. */
  #nextItem(): Item<P> | undefined {
    const waiting = new Set<string>()
    for (const [i, item] of this.#queue.entries()) {
      if (item.lane === undefined) return i === 0 && this.#isReady(item) ? item : undefined
      if (!waiting.has(item.lane) && this.#isReady(item)) return item
      // What has ended will be judged without more of the source, and nothing need overtake it.
      if (item.type === 'end') return undefined
      waiting.add(item.lane)
    }
    return undefined
  }

  #isReady(item: Item<P>): boolean {
    if (item.type === 'part') return item.opening || this.#first.cleared
    if (item.type === 'block') return this.#first.cleared
    const { block, available, done, failure } = item.text
    if (item.type === 'text' && available) return true
    return block !== null || (item.type === 'end' && done && failure === null)
  }

  *#send(item: Item<P>): Generator<P, void, undefined> {
    if (item.type === 'text') {
      const piece = item.pieces[0] as TextPiece<P>
      const text = item.text.take(piece.left)
      piece.left -= text.length
      if (piece.left === 0) item.pieces.shift()
      if (item.pieces.length === 0) this.#remove(item)
      if (text !== '') yield* this.#out(piece.write(text, piece.left === 0))
      else if (item.text.block) yield* this.#blocked(this.#laneOf(item.text), item.text.block)
      return
    }
    this.#remove(item)
    if (item.type === 'block') {
      this.#announcer.tell(item.block)
      this.#announcer.tell({ type: 'end', verdict: NOT_JUDGED, action: 'block' })
      yield* this.#blocked(item.lane, item.block)
    } else if (item.type === 'part') {
      if (item.unjudged) this.#announcer.passed(item.unjudged)
      yield* this.#out(item.part)
    } else if (item.text.block) {
      yield* this.#blocked(this.#laneOf(item.text), item.text.block)
    }
  }

  *#out(part: P | null): Generator<P, void, undefined> {
    if (part === null) return
    yield this.#shape.sent?.(part) ?? part
  }

  /** Ends the lane, or all if it is undefined. */
  *#blocked(lane: string | undefined, block: BlockEvent): Generator<P, void, undefined> {
    if (lane !== undefined) this.#closedLanes.add(lane)
    this.#over = lane === undefined || this.#areAll(this.#closedLanes)
    this.#queue = this.#over ? [] : this.#queue.filter((item) => item.lane !== lane)
    for (const part of this.#shape.blocked(block, lane)) yield* this.#out(part)
  }

  /** The lane that a block of this text ends; undefined for all. A prompt that is not let through ends all. */
  #laneOf(text: JudgedText): string | undefined {
    if (!this.#shape.lanes || (text === this.#first && !text.cleared)) return undefined
    return text.lane
  }

  #areAll(lanes: ReadonlySet<string>): boolean {
    const { lanes: least = 0 } = this.#shape
    return this.#lanes.size >= least && [...this.#lanes].every((lane) => lanes.has(lane))
  }

  #remove(item: Item<P>): void {
    this.#queue.splice(this.#queue.indexOf(item), 1)
  }

  #throwFailure(): void {
    for (const { failure } of this.#texts) if (failure) throw failure.error
    if (this.#sourceFailure && this.#texts.size === 0) throw this.#sourceFailure.error
  }

  /** Asks the source for a part, unless it was asked already or a moderation is behind. */
  #readOn(): void {
    if (this.#reading || this.#sourceDone || !this.#source) return
    for (const text of this.#texts) if (!text.idle && !text.done) return
    this.#reading = true
    this.#source.next().then(
      ({ done, value }) => {
        this.#reading = false
        if (this.#sourceDone) return
        if (done) this.#end()
        else this.#take(value as P)
      },
      (error) => {
        this.#reading = false
        if (!this.#sourceDone) this.#fail(error)
      },
    )
  }

  #take(part: P): void {
    this.#begun = true
    try {
      for (const piece of this.#shape.split(part)) this.#add(piece)
    } catch (error) {
      this.#stopSource()
      this.#fail(error)
    }
    this.#stopWhereBlocked()
    this.#bell.ring()
  }

  #add(piece: Piece<P>): void {
    if (piece.type === 'omitted') {
      this.#announcer.omitted(piece.field)
      return
    }
    if (piece.type === 'end') {
      const text = this.#openTexts.get(piece.key)
      if (!text) return
      this.#openTexts.delete(piece.key)
      this.#latest.delete(text)
      text.end()
      const { lane } = text
      if (lane === undefined || !this.#closedLanes.has(lane)) this.#queue.push({ type: 'end', lane, text })
      return
    }
    const { lane } = piece
    if (this.#refusedLanes.has(undefined) || (lane !== undefined && this.#refusedLanes.has(lane))) return
    if (lane !== undefined) {
      if (this.#closedLanes.has(lane)) return
      this.#lanes.add(lane)
    }
    if (piece.type === 'part') {
      const { part, opening = false, unjudged } = piece
      this.#queue.push({ type: 'part', lane, part, opening, unjudged })
    } else if (piece.type === 'block') {
      this.#refuse(this.#shape.lanes ? lane : undefined, piece.what)
    } else if (piece.text !== '') {
      this.#addText(piece.text, this.#textOf(piece.key, lane, piece.reasoning ?? false), lane, piece.write)
    }
  }

  #addText(piece: string, text: JudgedText, lane: string | undefined, write: Write<P>): void {
    const one: TextPiece<P> = { left: piece.length, write }
    const before = this.#latest.get(text)
    if (before && text.endsInHalf && /^[\uDC00-\uDFFF]/.test(piece)) {
      // The halves of a character go out together, with the piece that the first of them came in.
      before.left += 1
      one.left -= 1
    }
    text.push(piece)
    if (one.left === 0) return
    this.#latest.set(text, one)
    const last = this.#queue.at(-1)
    if (last?.type === 'text' && last.text === text) last.pieces.push(one)
    else this.#queue.push({ type: 'text', lane, text, pieces: [one] })
  }

  /** Ends a lane, or all, with a block behind what has come of it. */
  #refuse(lane: string | undefined, what: Unjudged): void {
    const open = [...this.#openTexts].filter(([, text]) => lane === undefined || text.lane === lane)
    for (const [key] of open) this.#add({ type: 'end', key })
    const block: BlockEvent = { type: 'block', reason: 'unjudged', unjudged: what, verdict: null, start: 0 }
    this.#queue.push({ type: 'block', lane, block })
    this.#refusedLanes.add(lane)
    if (lane !== undefined) this.#blockedLanes.add(lane)
    if (lane === undefined || this.#areAll(this.#blockedLanes)) this.#stopSource()
  }

  #textOf(key: string, lane: string | undefined, reasoning: boolean): JudgedText {
    let text = this.#openTexts.get(key)
    if (text) return text
    this.#turn.add(this.#shape.lanes ? lane : undefined, this.#openTexts.size)
    const free = this.#firstIsFree
    this.#firstIsFree = false
    if (free && !reasoning) {
      text = this.#first
    } else {
      if (free) this.#first.end()
      const one = this.#newText()
      text = one
      this.#begin(one, () => this.#turn.moderate(one.reply, this.#moderateOptions(reasoning)))
    }
    text.lane = lane
    this.#openTexts.set(key, text)
    return text
  }

  #moderateOptions(reasoning: boolean): ModerateOptions {
    // What is the adapter's own a guard would refuse.
    const own = Object.entries(this.#options).filter(([name]) => Object.hasOwn(MODERATE_KEYS, name))
    return { ...Object.fromEntries(own), signal: this.#stop.signal, ...(reasoning && { reasoning }) }
  }

  #newText(): JudgedText {
    const onChange = () => {
      this.#stopWhereBlocked()
      this.#bell.ring()
    }
    return new JudgedText(this.#announcer.tell, onChange)
  }

  #begin(text: JudgedText, moderate: () => AsyncIterable<ModerationEvent>): void {
    const ended = [...this.#texts].filter((one) => one.ended)
    text.start(Promise.all(ended.map((one) => one.over)), moderate)
    this.#texts.add(text)
    void text.over.then(() => {
      if (!text.failure) this.#texts.delete(text)
      this.#bell.ring()
    })
  }

  /** A block stops the source at once, also while nobody asks for the next part. */
  #stopWhereBlocked(): void {
    if (!this.#begun || this.#sourceDone) return
    for (const text of this.#texts) {
      if (!text.block) continue
      const lane = this.#laneOf(text)
      if (lane !== undefined) this.#blockedLanes.add(lane)
      if (lane === undefined || this.#areAll(this.#blockedLanes)) this.#stopSource()
    }
  }

  #stopSource(): void {
    this.#bell.ring()
    if (this.#sourceDone) return
    this.#end()
    this.#source?.stop()
  }

  #end(): void {
    this.#sourceDone = true
    if (this.#firstIsFree) this.#first.end()
    for (const key of [...this.#openTexts.keys()]) this.#add({ type: 'end', key })
    this.#bell.ring()
  }

  #fail(error: unknown): void {
    this.#sourceFailure ??= { error }
    if (this.#firstIsFree) this.#first.fail(error)
    for (const text of this.#openTexts.values()) text.fail(error)
    this.#openTexts.clear()
    this.#sourceDone = true
    this.#bell.ring()
  }

  async #close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#stop.abort(STOPPED)
    this.#stopSource()
    await Promise.all([...this.#texts].map((text) => text.over))
  }
}
