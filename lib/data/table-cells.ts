import { membersOf } from './members.js'
import { isObject } from './row.js'

/** What a table's cell can hold; `json` is the text of an array or object. */
export type Cell = null | boolean | number | bigint | string | { json: string }

/** Members that are spread over columns, such as `verdict.safety`, rather than put into one as JSON. */
export type Spread = ReadonlySet<string>

/** Whether a member is one of `names`, or a part of it as tables spell it: `verdict.safety` of `verdict`. */
export function isOneOf(name: string, names: ReadonlySet<string>): boolean {
  if (names.has(name)) return true
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    if (names.has(name.slice(0, dot))) return true
  }
  return false
}

/**
 * The cells of one output row by column, in order. Numbers stay as they are spelled, however large; of a name that is
 * there twice, the last counts.
 */
export function cellsOf(line: string, spread: Spread): Map<string, Cell> {
  const cells = new Map<string, Cell>()
  for (const { name, text } of membersOf(line)) {
    const value = text.slice(valueStart(text)).trim()
    if (spread.has(name)) spreadInto(cells, name, JSON.parse(value) as unknown)
    // A column that is called as a part of what is spread would be taken for it.
    else if (!isOneOf(name, spread)) cells.set(name, cellOf(value))
  }
  return cells
}

/** Where the value begins in `"name": value`. */
function valueStart(member: string): number {
  const name = /^"(?:[^"\\]|\\.)*"\s*:/s.exec(member) as RegExpExecArray
  return name[0].length
}

function cellOf(text: string): Cell {
  const first = text.charAt(0)
  if (first === '{' || first === '[') return { json: text }
  if (/^-?\d+$/.test(text)) {
    const number = Number(text)
    return Number.isSafeInteger(number) ? number : BigInt(text)
  }
  return JSON.parse(text) as Cell
}

function spreadInto(cells: Map<string, Cell>, name: string, value: unknown): void {
  if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) spreadInto(cells, `${name}.${key}`, inner)
  } else if (Array.isArray(value)) {
    cells.set(name, { json: JSON.stringify(value) })
  } else cells.set(name, value as Cell)
}

type Kind = 'boolean' | 'integer' | 'double' | 'json' | 'string'

/** A column of a table: all its cells are of this kind, or null. */
export interface Column {
  name: string
  /** Null where all cells are. */
  kind: Kind | null
}

/** Finds the columns of rows in the order in which they come. */
export class Columns {
  readonly #columns = new Map<string, Column>()

  add(cells: ReadonlyMap<string, Cell>): void {
    for (const [name, cell] of cells) {
      const column = this.#columns.get(name) ?? { name, kind: null }
      this.#columns.set(name, column)
      if (cell !== null) column.kind = both(column.kind, kindOf(cell))
    }
  }

  get all(): Column[] {
    return [...this.#columns.values()]
  }
}

function kindOf(cell: NonNullable<Cell>): Kind {
  switch (typeof cell) {
    case 'boolean':
    case 'string':
      return typeof cell as 'boolean' | 'string'
    case 'number':
      return Number.isSafeInteger(cell) ? 'integer' : 'double'
    case 'bigint':
      // What does not fit 64 bits stays as it is spelled.
      return BigInt.asIntN(64, cell) === cell ? 'integer' : 'string'
    default:
      return 'json'
  }
}

function both(a: Kind | null, b: Kind): Kind {
  if (a === null || a === b) return b
  const numbers = (a === 'integer' || a === 'double') && (b === 'integer' || b === 'double')
  return numbers ? 'double' : 'string'
}

/** A cell as text. */
export function textOfCell(cell: NonNullable<Cell>): string {
  return typeof cell === 'object' ? cell.json : String(cell)
}
