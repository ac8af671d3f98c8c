// Requests and results as native code has them: numbers one after the other, so that a tick is one call with one array.
import type { NativeError, NativeRequest, NativeResult } from './binding.js'

/** Numbers before a request's own: id, sequence, keep, shared, priority, and how many tokens, read positions and named ids. */
const REQUEST_HEAD = 8

/** Numbers before a result's own: id, error, passes, microseconds, cached, read positions, named ids, head outputs. */
const RESULT_HEAD = 8

/** Packs requests into memory that is used again: what `pack` gave is of use until it is called the next time. */
export class RequestPacker {
  #numbers = new Int32Array(1024)

  pack(requests: readonly NativeRequest[]): Int32Array {
    let length = 0
    for (const { tokens, read, named } of requests)
      length += REQUEST_HEAD + tokens.length + read.length + named.length
    if (length > this.#numbers.length) this.#numbers = new Int32Array(2 * length)
    const numbers = this.#numbers
    let at = 0
    for (const { id, sequence, keep, shared, priority, tokens, read, named } of requests) {
      numbers[at] = id
      numbers[at + 1] = sequence
      numbers[at + 2] = keep
      numbers[at + 3] = shared
      numbers[at + 4] = priority
      numbers[at + 5] = tokens.length
      numbers[at + 6] = read.length
      numbers[at + 7] = named.length
      at += REQUEST_HEAD
      for (const part of [tokens, read, named]) {
        numbers.set(part, at)
        at += part.length
      }
    }
    return numbers.subarray(0, length)
  }
}

/** The requests of a packed array: for those who look on, as the bench does. */
export function unpackRequests(numbers: Int32Array): NativeRequest[] {
  const requests: NativeRequest[] = []
  let at = 0
  const take = (count: number) => {
    const part = numbers.slice(at, at + count)
    at += count
    return part
  }
  while (at < numbers.length) {
    const head = take(REQUEST_HEAD)
    const number = (index: number) => head[index] as number
    requests.push({
      id: number(0),
      sequence: number(1),
      keep: number(2),
      shared: number(3),
      priority: number(4) === 0 ? 0 : 1,
      tokens: take(number(5)),
      read: take(number(6)),
      named: take(number(7)),
    })
  }
  return requests
}

/**
 * The results of a tick, in the order in which they were done. Their arrays are views of `numbers`.
 *
 * @param errors those that results name by their index
 */
export function* unpackResults(
  numbers: Int32Array,
  errors: readonly NativeError[],
): Generator<NativeResult, void, undefined> {
  const floats = new Float32Array(numbers.buffer, numbers.byteOffset, numbers.length)
  for (let at = 0; at < numbers.length; ) {
    const number = (index: number) => numbers[at + index] as number
    const [id, error, reads, names, heads] = [number(0), number(1), number(5), number(6), number(7)]
    const result: NativeResult = { id, passes: number(2), ms: number(3) / 1000, cached: number(4) }
    at += RESULT_HEAD
    if (error >= 0) {
      result.error = errors[error] as NativeError
    } else {
      result.heads = floats.subarray(at, at + heads)
      at += heads
      // A model has either.
      if (heads === 0) {
        result.greedy = numbers.subarray(at, at + reads)
        result.margin = floats.subarray(at + reads, at + 2 * reads)
        result.named = floats.subarray(at + 2 * reads, at + 2 * reads + names)
        at += 2 * reads + names
      }
    }
    yield result
  }
}
