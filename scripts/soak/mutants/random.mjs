/** A generator of numbers from 0 to 1 that gives the same ones for the same seeds (mulberry32). */
export function seeded(...seeds) {
  let state = 0x9e3779b9
  for (const seed of seeds) state = Math.imul(state ^ (seed + 0x85ebca6b), 0xc2b2ae35) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Choices out of a generator. */
export class Dice {
  constructor(...seeds) {
    this.random = seeded(...seeds)
  }
  below(count) {
    return Math.floor(this.random() * count)
  }
  of(list) {
    return list[this.below(list.length)]
  }
  chance(one) {
    return this.below(one) === 0
  }
}
