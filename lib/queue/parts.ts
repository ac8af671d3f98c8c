import { isObject } from '../data/row.js'

/** Into how many a part is divided in which workers ended. */
const DIVISOR = 16
/** Ends of a worker in the same part, until the part is divided: one may have had another cause. */
const ENDS_BORNE = 2

/**
 * A chunk in parts that are judged one after the other. The part in work is written down in the job before it is begun, so
 * that who takes the job over from a worker that ended knows where that was: the part is divided further and further, down
 * to the one row that ends workers, which gets an error in place of a verdict.
 */
export interface Parts {
  /** First row and the row after the last, in order; together they are all rows but the given up. */
  ranges: [number, number][]
  /** Rows that ended workers. */
  givenUp: number[]
  /** Index of the range in work; null between workers. */
  inWork: number | null
  /** Ends in that range. */
  ends: number
}

/** The parts that the next worker begins with. @param before what the job's progress says, if anything */
export function nextParts(rows: number, before: unknown): Parts {
  const parts = isParts(before) ? before : { ranges: whole(rows), givenUp: [], inWork: null, ends: 0 }
  if (parts.inWork === null) return parts
  const range = parts.ranges[parts.inWork]
  const ends = parts.ends + 1
  if (range === undefined || ends < ENDS_BORNE) return { ...parts, ends }
  const [from, to] = range
  const isRow = to - from === 1
  return {
    ranges: parts.ranges.toSpliced(parts.inWork, 1, ...(isRow ? [] : divided(from, to))),
    givenUp: isRow ? [...parts.givenUp, from] : parts.givenUp,
    inWork: null,
    ends: 0,
  }
}

/** Whether nothing points to a row that ends workers. */
export function isWhole({ ranges, givenUp }: Parts): boolean {
  return ranges.length <= 1 && givenUp.length === 0
}

function whole(rows: number): [number, number][] {
  return rows > 0 ? [[0, rows]] : []
}

function divided(from: number, to: number): [number, number][] {
  const size = Math.ceil((to - from) / DIVISOR)
  const ranges: [number, number][] = []
  for (let start = from; start < to; start += size) ranges.push([start, Math.min(to, start + size)])
  return ranges
}

function isParts(value: unknown): value is Parts {
  return isObject(value) && Array.isArray(value.ranges) && Array.isArray(value.givenUp)
}
