import { setImmediate } from 'node:timers'

/** How long work on texts keeps the event loop before everything else has its turn, in milliseconds. */
const LONGEST_TURN = 8

/** UTF-16 units of text on which work is not broken off: what is asked for together then goes into one decode. */
export const LITTLE_TEXT = 4096

/** When the work of this turn of the event loop began; null before it has. */
let turnBegan: number | null = null
const waiting: (() => void)[] = []

/** Whether work on texts has had its time in this turn of the event loop, all callers together: await `nextTurn`. */
export function turnIsOver(): boolean {
  turnBegan ??= begin()
  return performance.now() - turnBegan >= LONGEST_TURN
}

/** Resolves when everything else has had its turn. Those that wait go on one at a time, each with time of its own. */
export function nextTurn(): Promise<void> {
  turnBegan ??= begin()
  return new Promise((resolve) => {
    waiting.push(resolve)
  })
}

function begin(): number {
  setImmediate(turn)
  return performance.now()
}

function turn(): void {
  turnBegan = null
  const next = waiting.shift()
  if (next === undefined) return
  turnBegan = begin()
  next()
}

/**
 * Work that is begun by giving it what it is to call, once, when it is done or has failed; it may do so before it returns. Where
 * steps alone wait for it, it takes the place of a promise. `new Promise(begin)` makes one of it.
 */
export type Begin<T> = (done: (value: T) => void, failed: (error: unknown) => void) => void

/**
 * Work that yields what it must wait for, a promise or work that is to begin, and goes on with what comes of it. Where it waits for
 * nothing, which is what short texts come to, it is done at once: a chain of async functions would make a promise in each of them.
 */
export type Steps<T> = Generator<Promise<unknown> | Begin<unknown>, T, unknown>

/** The value, waited for only if it has to be: `const value = yield* settled(…)`. */
export function* settled<T>(value: T | Promise<T>): Steps<T> {
  return value instanceof Promise ? ((yield value) as T) : value
}

/** What comes of work that begins now: `const value = yield* begun(…)`. */
export function* begun<T>(work: Begin<T>): Steps<T> {
  return (yield work) as T
}

/** Takes all steps. What they wait for and fails is thrown where they wait. */
export function atOnceOrLater<T>(steps: Steps<T>): T | Promise<T> {
  const { done, value } = steps.next()
  return done ? value : later(steps, value)
}

/** As `atOnceOrLater`, for who wants a promise in any case: what is thrown at once rejects it too. */
export function promised<T>(work: () => Steps<T>): Promise<T> {
  try {
    const value = atOnceOrLater(work())
    return value instanceof Promise ? value : Promise.resolve(value)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** One promise for all steps that are left, where an async function would make two more for each of them. */
function later<T>(steps: Steps<T>, first: Promise<unknown> | Begin<unknown>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const arrived = (value: unknown) => goOn(() => steps.next(value))
    const failed = (error: unknown) => goOn(() => steps.throw(error))
    const goOn = (step: () => IteratorResult<Promise<unknown> | Begin<unknown>, T>) => {
      try {
        const { done, value } = step()
        if (done) resolve(value)
        else waitFor(value)
      } catch (error) {
        reject(error)
      }
    }
    const waitFor = (waited: Promise<unknown> | Begin<unknown>) => {
      if (waited instanceof Promise) {
        waited.then(arrived, failed)
        return
      }
      try {
        waited(arrived, failed)
      } catch (error) {
        failed(error)
      }
    }
    waitFor(first)
  })
}
