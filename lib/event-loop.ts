import { setImmediate } from 'node:timers'

/** How long work on texts keeps the event loop before everything else has its turn, in milliseconds. */
const LONGEST_TURN = 8

/** UTF-16 units of text on which work is not broken off: what is asked for together then goes into one decode. */
export const LITTLE_TEXT = 4096

/** When the work of this turn of the event loop began; null before it has. */
let begun: number | null = null
const waiting: (() => void)[] = []

/** Whether work on texts has had its time in this turn of the event loop, all callers together: await `nextTurn`. */
export function turnIsOver(): boolean {
  begun ??= begin()
  return performance.now() - begun >= LONGEST_TURN
}

/** Resolves when everything else has had its turn. Those that wait go on one at a time, each with time of its own. */
export function nextTurn(): Promise<void> {
  begun ??= begin()
  return new Promise((resolve) => {
    waiting.push(resolve)
  })
}

function begin(): number {
  setImmediate(turn)
  return performance.now()
}

function turn(): void {
  begun = null
  const next = waiting.shift()
  if (next === undefined) return
  begun = begin()
  next()
}

/**
 * Work that yields the promises it must wait for, and goes on with what they resolve to. Where it waits for none, which is
 * what short texts come to, it is done at once: a chain of async functions would make a promise in each of them.
 */
export type Steps<T> = Generator<Promise<unknown>, T, unknown>

/** The value, waited for only if it has to be: `const value = yield* settled(…)`. */
export function* settled<T>(value: T | Promise<T>): Steps<T> {
  return value instanceof Promise ? ((yield value) as T) : value
}

/** Takes all steps. What they wait for and fails is thrown where they wait. */
export function atOnceOrLater<T>(steps: Steps<T>): T | Promise<T> {
  const { done, value } = steps.next()
  return done ? value : later(steps, value)
}

async function later<T>(steps: Steps<T>, first: Promise<unknown>): Promise<T> {
  for (let waited = first; ; ) {
    let arrived: { value: unknown } | { error: unknown }
    try {
      arrived = { value: await waited }
    } catch (error) {
      arrived = { error }
    }
    const { done, value } = 'error' in arrived ? steps.throw(arrived.error) : steps.next(arrived.value)
    if (done) return value
    waited = value
  }
}
