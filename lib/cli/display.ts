import { styleText } from 'node:util'
import type { Category, PromptVerdict, ReplyVerdict, Safety, TokenVerdict } from '../index.js'
import { printable } from './printable.js'
import { terminalWidth, wrapLine, wrapVerdict } from './wrap.js'

const RISK_STYLE = { Safe: 'green', Controversial: 'yellow', Unsafe: 'red' } as const

/** Of running text: what is Safe keeps the terminal's own colour, and yellow, which is pale on white, has a line below. */
const TEXT_STYLE = { Safe: [], Controversial: ['yellow', 'underline'], Unsafe: ['red'] } as const

/** Colours for one output stream: none unless it is a terminal and NO_COLOR is unset or empty. */
export class Paint {
  readonly coloured: boolean

  constructor(stream: { isTTY?: boolean }) {
    this.coloured = stream.isTTY === true && !process.env.NO_COLOR
  }

  /** Judged text in the style of `safety`. */
  risk(safety: Safety, text: string): string {
    return safety === 'Safe' ? text : this.#style([...TEXT_STYLE[safety]], text)
  }

  /** The severity as a word that is seen first. */
  severity(safety: Safety): string {
    return this.#style(['bold', RISK_STYLE[safety]], safety)
  }

  dim(text: string): string {
    return this.#style('dim', text)
  }

  #style(format: Parameters<typeof styleText>[0], text: string): string {
    // The decision is made above, for this stream; newer Node versions would check stdout as well.
    return this.coloured ? styleText(format, text, { validateStream: false }) : text
  }
}

/** Writes tokens one after the other: coloured by risk, or with the risk named where it changes. */
export class TokenPrinter {
  readonly #paint: Paint
  #risk: Safety = 'Safe'

  constructor(paint: Paint) {
    this.#paint = paint
  }

  /** What to write for the next token. */
  print(token: TokenVerdict): string {
    const text = printable(token.text)
    if (this.#paint.coloured) return this.#paint.risk(token.risk, text)
    const mark = token.risk === this.#risk ? '' : `[[${token.risk}]]`
    this.#risk = token.risk
    return mark + text
  }
}

/** `0.9731` as `97.3%`; what would round to nothing or to certainty says so. */
export function percent(probability: number): string {
  if (probability > 0 && probability < 0.001) return '<0.1%'
  if (probability < 1 && probability > 0.999) return '>99.9%'
  return `${(100 * probability).toFixed(1)}%`
}

/** `Unsafe 97.9%  Controversial 2.0%  Safe 0.1%` */
export function riskScores(probabilities: Record<Safety, number>): string {
  const order: Safety[] = ['Unsafe', 'Controversial', 'Safe']
  return order.map((safety) => `${safety} ${percent(probabilities[safety])}`).join('  ')
}

/** Columns of what stands before a verdict of Stream. */
const LABEL = 8

/** A line on a prompt that Stream judged. */
export function promptLine(paint: Paint, verdict: PromptVerdict): string {
  const line = `Prompt  ${severityAndCategory(paint, verdict)}  ${paint.dim(riskScores(verdict.probabilities))}`
  return wrapVerdict(line, LABEL)
}

/** A line on a reply that Stream judged; `flagged` is the token at `verdict.at`. */
export function replyLine(paint: Paint, verdict: ReplyVerdict, flagged: TokenVerdict | undefined): string {
  const partly = verdict.complete ? '' : '  (not judged to its end)'
  const line = `Reply   ${severityAndCategory(paint, verdict)}${partly}`
  if (flagged === undefined)
    return wrapVerdict(`${line}  ${paint.dim(`${verdict.tokenCount} tokens`)}`, LABEL)
  const token = `token ${flagged.index} of ${verdict.tokenCount}`
  return wrapVerdict(`${line}  flagged at ${token}, ${placeOf(flagged)}`, LABEL)
}

/** `character 57: " kill"` */
export function placeOf({ start, text }: TokenVerdict): string {
  return `character ${start}: ${JSON.stringify(printable(text))}`
}

function severityAndCategory(paint: Paint, verdict: { safety: Safety; category: Category | null }): string {
  const severity = paint.severity(verdict.safety)
  return verdict.category === null ? severity : `${severity}  ${verdict.category}`
}

/** `11534336` as `11.0 MiB`. */
export function bytes(size: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB']
  const power = size < 1 ? 0 : Math.min(Math.floor(Math.log2(size) / 10), units.length - 1)
  return `${(size / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

/** `4123456` as `4,123,456`. */
export function count(value: number): string {
  return value.toLocaleString('en')
}

/** Columns that the last cell of a row needs to be wrapped beside the others. */
const LEAST_LAST = 24

/**
 * Rows in columns as wide as their widest cell. In a terminal that is narrower the last cells are wrapped, or each row becomes
 * a paragraph.
 */
export function table(rows: readonly (readonly string[])[], width = terminalWidth()): string {
  const shown = rows.map((row) => row.map(printable))
  const widths = (shown[0] ?? []).map((_, column) =>
    shown.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  )
  const lineOf = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(column === row.length - 1 ? 0 : widths[column]!))
      .join('  ')
      .trimEnd()
  if (width === undefined) return shown.map(lineOf).join('\n')
  const before = widths.slice(0, -1).reduce((sum, one) => sum + one + 2, 0)
  const beside = width - before >= LEAST_LAST
  return shown
    .map((row) => {
      const line = lineOf(row)
      if (line.length <= width) return line
      if (beside) {
        const last = wrapLine(row.at(-1) ?? '', width - before, 0).replaceAll('\n', `\n${' '.repeat(before)}`)
        return (
          lineOf([...row.slice(0, -1), ''].map((cell, at) => cell.padEnd(widths[at]!))).padEnd(before) + last
        )
      }
      return wrapLine(
        row
          .map((cell) => cell.trim())
          .filter(Boolean)
          .join('  '),
        width,
        2,
      )
    })
    .join('\n')
}
