/** The keys of a bag of options, all of them: the compiler refuses a list that lacks one. */
export type Keys<T> = Readonly<Record<keyof T, true>>

/**
 * Refuses what is no bag of these options: a misspelt option would otherwise be its default, in silence.
 *
 * @param what whose options they are, such as 'classify' or 'a policy'
 * @param known the options there are
 * @param elsewhere where keys belong that are an option's own, such as `{ mode: 'policy: { mode }' }`
 * @param ending what the message ends with
 * @throws TypeError that names the key and the nearest known one
 */
export function checkKeys(
  what: string,
  bag: unknown,
  known: Readonly<Record<string, true>>,
  elsewhere: Readonly<Record<string, string>> = {},
  ending = '',
): void {
  const names = Object.keys(known)
  if (!isBag(bag)) {
    const hint = typeof bag === 'string' ? meant(bag, names, elsewhere) : ''
    throw new TypeError(
      `Expected ${what} to be an object with any of ${names.join(', ')}, got ${shown(bag)}${hint}${ending}`,
    )
  }
  // Inherited ones as well: they would be read.
  for (const key in bag) {
    if (Object.hasOwn(known, key) || (key in Object.prototype && !Object.hasOwn(bag, key))) continue
    throw new TypeError(
      `Expected ${what} to have any of ${names.join(', ')}, got \`${key}\`${meant(key, names, elsewhere)}${ending}`,
    )
  }
}

/** @throws TypeError if it is there and is no AbortSignal */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  const hint =
    signal instanceof AbortController
      ? ': give its `signal`'
      : '. It is what aborts the call: the `signal` of a `new AbortController()`, or `AbortSignal.timeout(ms)`'
  throw new TypeError(`Expected \`signal\` to be an AbortSignal, got ${shown(signal)}${hint}`)
}

/** @throws TypeError if it is there and neither true nor false */
export function checkBoolean(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return
  throw new TypeError(`Expected \`${name}\` to be true or false, got ${shown(value)}`)
}

/** The longest that a timer of Node's can run. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

/** @throws TypeError, RangeError if it is there and is no number of milliseconds */
export function checkTimeout(name: string, value: unknown): void {
  if (value === undefined) return
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new TypeError(`Expected \`${name}\` to be a number of milliseconds, got ${shown(value)}`)
  }
  if (value < 0 || value > LONGEST_TIMEOUT_MS) {
    throw new RangeError(
      `Expected \`${name}\` to be from 0 to ${LONGEST_TIMEOUT_MS} milliseconds, got ${value}. Without it there is no limit`,
    )
  }
}

function isBag(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  // Objects that somebody passes in place of options, and that have no keys to refuse.
  return !(value instanceof AbortSignal || value instanceof AbortController || value instanceof Promise)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return `a value of class ${value.constructor?.name ?? 'unknown'}`
  return `${String(value)} (${typeof value})`
}

function meant(key: string, names: readonly string[], elsewhere: Readonly<Record<string, string>>): string {
  const nearest = nearestOf(key, [...names, ...Object.keys(elsewhere)])
  return nearest === undefined ? '' : `: did you mean \`${elsewhere[nearest] ?? nearest}\`?`
}

/** The name that is most like `key`, if any is like it at all. */
export function nearestOf(key: string, names: readonly string[]): string | undefined {
  let nearest: { name: string; distance: number } | undefined
  for (const name of names) {
    const [a, b] = [plain(key), plain(name)]
    const longer = Math.max(a.length, b.length)
    // One that begins with the other, such as modelPath, is like it however long it is.
    const begins = Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a))
    const distance = begins && a !== b ? 1 : editDistance(a, b)
    if (distance > Math.max(1, Math.floor(longer / 3))) continue
    if (nearest === undefined || distance < nearest.distance) nearest = { name, distance }
  }
  return nearest?.name
}

/** What is left of a name where case and separators do not count. No name is long. */
function plain(name: string): string {
  return name
    .slice(0, 60)
    .toLowerCase()
    .replace(/[^a-z0-9]/gu, '')
}

/** Insertions, deletions, substitutions and swaps of neighbours that make one of the other. */
function editDistance(a: string, b: string): number {
  let older: number[] = []
  let before = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        (before[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (before[j - 1] as number) + same,
        swapped ? (older[j - 2] as number) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    older = before
    before = row
  }
  return before[b.length] as number
}
