import type { EvalComparison } from '../eval/compare.js'
import { BINS } from '../eval/latency.js'
import { type Figures, READINGS } from '../eval/metrics.js'
import type { EvalReport } from '../eval/report-data.js'
import type { PartFigures, SectionFigures } from '../eval/section.js'
import { count, percent, table } from './display.js'
import { printable } from './printable.js'
import { terminalWidth, wrapLine, wrapVerdict } from './wrap.js'

const MOST_GROUPS = 12

/** The report for a terminal. */
export function describeReport(report: EvalReport): string {
  const { model, data, n, unjudged, rows, skipped } = report
  const lines = [`model: ${model.model} (${model.kind}, ${model.type}) on ${model.device}`]
  if (model.demonstration) lines.push('A demonstration model: its figures say nothing about Qwen3Guard.')
  for (const { file, title, labels } of data) lines.push(`data: ${file}: ${title}. ${labels}`)
  lines.push(
    `rows: ${count(rows)}; labelled texts: ${count(n)}; not judged, and in no figure: ${count(unjudged)}`,
  )
  for (const [reason, number] of Object.entries(skipped))
    lines.push(`  left out: ${reason} (${count(number)})`)
  lines.push('', figureTable(partRows(report, '')))
  for (const [title, groups] of [
    ['by source', report.bySource],
    ['by language', report.byLanguage],
    ['by category', report.byCategory],
  ] as const) {
    const shown = Object.entries(groups).slice(0, MOST_GROUPS)
    if (shown.length < (title === 'by category' ? 1 : 2)) continue
    const left = Object.keys(groups).length - shown.length
    lines.push('', title, figureTable(shown.flatMap(([name, section]) => partRows(section, name))))
    if (left > 0) lines.push(`${left} more in --json`)
  }
  lines.push(...latencyLines(report), ...officialLines(report))
  for (const { figure, published, measured } of report.published) {
    lines.push('', `${figure}: published ${share(published)}, measured ${share(measured)}`)
  }
  for (const { expression, met, why } of report.requirements) {
    lines.push(`${met ? 'met' : 'NOT MET'}: ${expression} (${why})`)
  }
  return forTerminal(lines)
}

/** Lines for a terminal, and as narrow as it is; tables, which are several in one, are so already. */
function forTerminal(lines: readonly string[]): string {
  const width = terminalWidth()
  return lines
    .map((line) => {
      const text = printable(line)
      return width === undefined || line.includes('\n') || line.length <= width
        ? text
        : wrapLine(text, width, 2)
    })
    .join('\n')
}

const HEAD = ['', 'n', 'unjudged', 'reading', 'F1', '95 %', 'precision', 'recall', 'false alarms']

/** A table, or where that is too wide each row by itself, with the names of its figures. */
function figureTable(rows: readonly string[][]): string {
  const width = terminalWidth()
  const whole = table([HEAD, ...rows], Number.POSITIVE_INFINITY)
  if (width === undefined || whole.split('\n').every((line) => line.length <= width)) return whole
  let title = ''
  return rows
    .map(([name = '', ...cells]) => {
      title = name === '' ? title : printable(name)
      // A second reading of the same rows has blank cells for what it shares.
      const named = cells.map((cell, at) => (cell === '' ? '' : `${HEAD[at + 1]} ${cell}`))
      return wrapVerdict(`  ${[title, ...named].filter((text) => text !== '').join('  ')}`, 2)
    })
    .join('\n')
}

function partRows(section: SectionFigures, name: string): string[][] {
  const rows: string[][] = []
  for (const part of ['prompt', 'response', 'refusal'] as const) {
    const figures = section[part]
    if (figures === null) continue
    const label = [name, part === 'prompt' ? 'prompts' : part === 'response' ? 'replies' : 'refusals']
    const title = label.filter((text) => text !== '').join(', ')
    for (const reading of part === 'refusal' ? (['strict'] as const) : READINGS) {
      const first = reading === 'strict'
      rows.push(figureRow(figures, reading, first ? title : '', part === 'refusal'))
    }
  }
  return rows
}

function figureRow(
  part: PartFigures,
  reading: 'strict' | 'loose',
  title: string,
  refusal: boolean,
): string[] {
  const figures: Figures = part[reading]
  const counts = title === '' ? ['', ''] : [count(part.n), count(part.unjudged)]
  const { f1, interval, precision, recall, fpr } = figures
  const ends = interval === null ? '-' : interval.map((end) => (100 * end).toFixed(1)).join(' to ')
  return [
    title,
    ...counts,
    refusal ? '' : reading,
    share(f1),
    ends,
    share(precision),
    share(recall),
    share(fpr),
  ]
}

function share(value: number | null): string {
  return value === null ? '-' : percent(value)
}

function latencyLines({ latency }: EvalReport): string[] {
  if (latency === null) return []
  const lines: string[] = []
  const { strict, loose, exposure, falseAlarms, unusable } = latency
  if (strict !== null && loose !== null) {
    lines.push('', `detection latency of ${count(strict.n)} located replies, in tokens`)
    const cells = (figures: typeof strict) => BINS.map((bin) => count(figures.bins[bin]))
    lines.push(
      table([
        ['', ...BINS],
        ['strict', ...cells(strict)],
        ['loose', ...cells(loose)],
      ]),
    )
    const { withAhead, withoutAhead } = strict.within128
    lines.push(
      `within 128 tokens: ${share(withAhead.share)} (strict), ${share(withoutAhead.share)} without what was flagged ahead`,
    )
  }
  for (const [reason, number] of Object.entries(unusable))
    lines.push(`not located: ${reason} (${count(number)})`)
  if (exposure?.tokensShown) {
    const { median, p90 } = exposure.tokensShown
    lines.push(
      `stopped ${share(exposure.stopped.share)} of ${count(exposure.n)} unsafe replies, after ${count(median)} tokens in the middle, ${count(p90)} in one of ten`,
    )
  }
  if (falseAlarms) {
    const { strict, loose } = falseAlarms
    lines.push(
      `false alarms on safe replies: ${share(strict.perReply.share)} strict, ${share(loose.perReply.share)} loose; ${strict.per1000Tokens?.toFixed(2) ?? '-'} and ${loose.per1000Tokens?.toFixed(2) ?? '-'} in 1,000 tokens`,
    )
  }
  return lines
}

function officialLines(report: EvalReport): string[] {
  const { official, response } = report
  if (official === null) return []
  const rows: string[][] = [['', 'official', 'here']]
  for (const part of ['prompt', 'response'] as const) {
    const f1 = official.gen?.[part]?.f1
    const name = part === 'prompt' ? 'prompts' : 'replies'
    if (f1 !== undefined) rows.push([`${name}, strict F1`, share(f1), share(report[part]?.strict.f1 ?? null)])
  }
  if (official.stream) {
    const { printed } = official.stream
    rows.push(['replies, F1 printed as strict', share(printed.strict.f1), share(response?.strict.f1 ?? null)])
    rows.push(['replies, F1 printed as loose', share(printed.loose.f1), share(response?.loose.f1 ?? null)])
  }
  if (official.prompts) rows.push(['prompts', 'KeyError', 'see above'])
  if (official.latency) rows.push(['within 128 tokens', share(official.latency.stopRate128), 'see above'])
  return ['', `rules of ${official.rules}: docs/official-evaluation.md says which side is right`, table(rows)]
}

/** A comparison for a terminal. */
export function describeEvalComparison(comparison: EvalComparison): string {
  const { models, compared, missing, agreement, mcnemar, f1, flipped, flips } = comparison
  const lines = [`A: ${models[0]}`, `B: ${models[1]}`, `texts that both judged: ${count(compared)}`]
  const { onlyA, onlyB, unjudgedByA, unjudgedByB } = missing
  if (onlyA + onlyB > 0) lines.push(`texts of A alone: ${count(onlyA)}, of B alone: ${count(onlyB)}`)
  if (unjudgedByA + unjudgedByB > 0)
    lines.push(`not judged by A: ${count(unjudgedByA)}, by B: ${count(unjudgedByB)}`)
  lines.push(
    `agreement: severity ${share(agreement.severity)}, strict ${share(agreement.strict)}, loose ${share(agreement.loose)}${agreement.refusal === null ? '' : `, refusal ${share(agreement.refusal)}`}`,
  )
  for (const reading of READINGS) {
    const { onlyA, onlyB, p } = mcnemar[reading]
    const test = p === null ? 'no text differs' : `McNemar p = ${p < 0.0001 ? '<0.0001' : p.toFixed(4)}`
    lines.push(`${reading}: right in A alone ${count(onlyA)}, in B alone ${count(onlyB)}; ${test}`)
  }
  for (const part of ['prompt', 'response'] as const) {
    for (const reading of READINGS) {
      const pair = f1[part]?.[reading]
      if (pair)
        lines.push(
          `F1 of ${part === 'prompt' ? 'prompts' : 'replies'} that both judged, ${reading}: ${share(pair[0])} → ${share(pair[1])}`,
        )
    }
  }
  lines.push(`texts of another severity: ${count(flipped)}`)
  for (const { file, line, target, label, verdicts } of flips.slice(0, 10)) {
    lines.push(`  ${file}:${line}, ${target} labelled ${label ?? 'nothing'}: ${verdicts[0]} → ${verdicts[1]}`)
  }
  return forTerminal(lines)
}
