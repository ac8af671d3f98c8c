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
