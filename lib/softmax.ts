import { DecodeError } from './errors.js'

/**
 * Probabilities of logits.
 * @throws DecodeError if they are not numbers, so that no label wins by default.
 */
export function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits)
  const most = Math.max(...values)
  const weights = values.map((value) => Math.exp(value - most))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  if (values.length === 0 || !Number.isFinite(sum)) {
    throw new DecodeError(`the model's logits are not finite numbers: ${values.slice(0, 8).join(', ')}`)
  }
  return weights.map((weight) => weight / sum)
}
