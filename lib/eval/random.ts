/** Numbers from 0 to below 1, the same for the same seed everywhere (xoshiro128**, seeded by splitmix32). */
export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number) {
    let state = seed | 0
    const next = () => {
      state = (state + 0x9e3779b9) | 0
      let t = state ^ (state >>> 16)
      t = Math.imul(t, 0x21f0aaad)
      t ^= t >>> 15
      t = Math.imul(t, 0x735a2d97)
      return (t ^ (t >>> 15)) | 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next()
  }

  next(): number {
    const turned = Math.imul(this.#b, 5)
    const result = Math.imul((turned << 7) | (turned >>> 25), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result / 0x1_0000_0000
  }

  /**
   * How many of `n` tries succeed with probability `p` each. Exact by the gaps between successes where few are
   * expected; where there are more than a thousand, by the normal law, which is then no further off than rounding.
   */
  binomial(n: number, p: number): number {
    if (n <= 0 || p <= 0) return 0
    if (p >= 1) return n
    if (p > 0.5) return n - this.binomial(n, 1 - p)
    if (n * p > 1000) {
      const deviation = Math.sqrt(n * p * (1 - p))
      return Math.min(n, Math.max(0, Math.round(n * p + deviation * this.#normal())))
    }
    const logMiss = Math.log1p(-p)
    let successes = 0
    for (let at = 0; ; successes++) {
      at += Math.floor(Math.log(1 - this.next()) / logMiss) + 1
      if (at > n) return successes
    }
  }

  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }
}
