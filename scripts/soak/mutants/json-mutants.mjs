// Damage to a JSON text: to its bytes, or to a value somewhere in it.
import { Dice } from './random.mjs'

const VALUES = [
  null,
  true,
  -1,
  0.5,
  1e308,
  '',
  'x',
  '../../x',
  [],
  {},
  [null],
  { __proto__: null },
  'y'.repeat(3000),
]

export function damagedJson(text, seed, index) {
  const dice = new Dice(seed, index)
  if (dice.chance(4)) return text.slice(0, dice.below(text.length))
  if (dice.chance(4)) {
    const at = dice.below(text.length)
    return text.slice(0, at) + dice.of(['"', '{', ']', '\0', '\\', ',', '9', '\uD800']) + text.slice(at + 1)
  }
  const value = JSON.parse(text)
  for (let i = 0; i < 1 + dice.below(3); i++) {
    let place = value
    for (let depth = dice.below(6); depth > 0; depth--) {
      const inner = Object.values(place).filter((one) => typeof one === 'object' && one !== null)
      if (inner.length === 0) break
      place = dice.of(inner)
    }
    const keys = Object.keys(place)
    if (keys.length === 0) continue
    const key = dice.of(keys)
    if (dice.chance(3)) delete place[key]
    else place[key] = dice.of(VALUES)
  }
  return JSON.stringify(value)
}
