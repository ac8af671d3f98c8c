import { basename } from 'node:path'
import { READINGS } from '../metrics.js'
import type { EvalReport } from '../report-data.js'
import type { SectionFigures } from '../section.js'
import {
  escaped,
  figure,
  numberAt,
  PART_TITLES,
  PARTS,
  pathKey,
  row,
  shownInterval,
  shownNumber,
  shownShare,
  tableOf,
} from './cells.js'

/** What the report is of, and the figures that are looked for first. */
export function header(report: EvalReport): string {
  const { model, data, n, unjudged, requirements } = report
  const tiles: string[] = []
  for (const part of PARTS) {
    const figures = report[part]
    if (figures === null || (part === 'refusal' && figures.strict.f1 === null)) continue
    for (const reading of part === 'refusal' ? (['strict'] as const) : READINGS) {
      const at = `${part}/${reading}`
      const title = part === 'refusal' ? 'Refusals, F1' : `${PART_TITLES[part]}, F1 ${reading}`
      tiles.push(
        `<div class="tile"><span>${title}</span>${figure(report, `${at}/f1`, 'share', 'b')}<span>95 %: ${shownInterval(figures[reading].interval)}</span><span>false alarms ${figure(report, `${at}/fpr`, 'share', 'i')}</span></div>`,
      )
    }
  }
  tiles.push(
    `<div class="tile"><span>Labelled texts</span>${figure(report, 'n', 'count', 'b')}<span>not judged: ${figure(report, 'unjudged', 'count', 'i')}</span></div>`,
  )
  const notices: string[] = []
  if (model.demonstration) {
    notices.push('<p class="notice">A demonstration model: its figures say nothing about Qwen3Guard.</p>')
  }
  if (unjudged > 0) {
    notices.push(
      `<p class="notice bad">${shownNumber(unjudged)} of ${shownNumber(n)} texts were not judged. They are in no figure, and none of them counts as safe.</p>`,
    )
  }
  const met = requirements.map(
    ({ expression, met, why }) =>
      `<li class="${met ? 'safe' : 'unsafe'}">${met ? 'met' : 'not met'}: <code>${escaped(expression)}</code> (${escaped(why)})</li>`,
  )
  const names = data.map(({ set, title, file }) => (set === 'generic' ? basename(file) : title))
  const sets = [...new Set(names)].join(', ')
  return `<h1>${escaped(model.model)} on ${escaped(sets)}</h1>
<p class="quiet">${escaped(report.time.slice(0, 16).replace('T', ' '))} UTC · qwen3guard ${escaped(model.versions.qwen3guard)}</p>
${notices.join('\n')}
<div class="tiles">${tiles.join('')}</div>
${met.length > 0 ? `<ul>${met.join('')}</ul>` : ''}`
}

/** Model, machine, data and settings. */
export function identity(report: EvalReport): string {
  const { model, data, settings, speed, skipped, failures } = report
  const facts: [string, string][] = [
    ['Model', `${model.model}${model.name ? ` (${model.name})` : ''}`],
    ['Variant, type', `${model.kind}, ${model.type}, ${(model.bytes / 1e6).toFixed(1)} MB`],
    ['SHA-256', model.sha256],
    ['Licence of the model', model.licence ?? 'not stated'],
    ['Device', model.device],
    [
      'Versions',
      `qwen3guard ${model.versions.qwen3guard}, llama.cpp ${model.versions.llamaCpp ?? 'unknown'}, Node ${model.versions.node}, ${model.versions.platform}`,
    ],
    ['Speed', `${speed.textsPerSecond?.toFixed(1) ?? '–'} texts a second, ${speed.seconds.toFixed(1)} s`],
    [
      'Labels between safe and unsafe',
      settings.caution === 'skip' ? 'left out' : `count as ${settings.caution}`,
    ],
    [
      'Texts over the context',
      settings.tooLong === 'error' ? 'not judged' : `judged with --too-long ${settings.tooLong}`,
    ],
    ['Seed of the bootstrap', String(settings.seed)],
  ]
  const files = data.map((one) =>
    row(
      escaped(one.file),
      `<td class="text">${escaped(one.title)}</td>`,
      shownNumber(one.rows),
      shownNumber(one.texts),
      `<td class="text">${escaped(one.licence)}</td>`,
      `<td class="text">${escaped(one.labels)}</td>`,
    ),
  )
  const left = Object.entries(skipped).map(([reason, count]) => row(escaped(reason), shownNumber(count)))
  const failed = failures.map(({ file, line, code, message }) =>
    row(escaped(`${file}:${line}`), escaped(code), `<td class="text">${escaped(message)}</td>`),
  )
  return `<h2 id="what">What was measured</h2>
<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>
${tableOf(['File', 'Read as', 'Rows', 'Texts', 'Licence', 'Labels'], files)}
${left.length > 0 ? tableOf(['Left out', 'Parts of rows'], left) : ''}
${failed.length > 0 ? tableOf(['Not judged (the first of them)', 'Code', 'Reason'], failed) : ''}`
}

const HEAD = [
  '',
  'n',
  'Not judged',
  'Reading',
  'F1',
  '95 %',
  'Precision',
  'Recall',
  '95 %',
  'False alarms',
  '95 %',
]

function figureRows(report: object, section: SectionFigures, path: string, name: string): string[] {
  return PARTS.flatMap((part) => {
    const figures = section[part]
    if (figures === null) return []
    const at = path === '' ? part : `${path}/${part}`
    const readings = part === 'refusal' ? (['strict'] as const) : READINGS
    return readings.map((reading) => {
      const title = [name, PART_TITLES[part].toLowerCase()].filter((text) => text !== '').join(', ')
      const { intervals } = figures[reading]
      return row(
        escaped(title),
        figure(report, `${at}/n`, 'count'),
        figure(report, `${at}/unjudged`, 'count'),
        part === 'refusal' ? '' : reading,
        figure(report, `${at}/${reading}/f1`),
        shownInterval(intervals.f1),
        figure(report, `${at}/${reading}/precision`),
        figure(report, `${at}/${reading}/recall`),
        shownInterval(intervals.recall),
        figure(report, `${at}/${reading}/fpr`),
        shownInterval(intervals.fpr),
      )
    })
  })
}

/** The main table, and what the figures would be if all that was not judged had been judged wrong. */
export function figures(report: EvalReport): string {
  const worst = PARTS.flatMap((part) => {
    const found = report[part]
    if (found === null || found.unjudged === 0) return []
    return (part === 'refusal' ? (['strict'] as const) : READINGS).map((reading) =>
      row(
        `${PART_TITLES[part]}, ${reading}`,
        ...(['f1', 'precision', 'recall', 'fpr'] as const).map((name) =>
          figure(report, `${part}/worstCase/${reading}/${name}`),
        ),
      ),
    )
  })
  const published = report.published.map(({ figure, published, measured, source }) =>
    row(
      escaped(figure),
      shownShare(published),
      shownShare(measured),
      `<td class="text">${escaped(source)}</td>`,
    ),
  )
  return `<h2 id="figures">Figures</h2>
<p>Strict counts Controversial as unsafe, loose as safe. A false alarm is a text labelled safe that was flagged: read it beside every recall. Intervals: F1 by a seeded bootstrap of the rows, rates by Wilson.</p>
${tableOf(HEAD, figureRows(report, report, '', ''))}
${worst.length > 0 ? tableOf(['If all that was not judged were judged wrong', 'F1', 'Precision', 'Recall', 'False alarms'], worst) : ''}
${published.length > 0 ? tableOf(['Published, same model and set', 'Published', 'Measured', 'Source'], published) : ''}`
}

export function matrices(report: EvalReport): string {
  const tables = (['prompt', 'response'] as const).flatMap((part) => {
    const matrix = report[part]?.matrix
    if (!matrix) return []
    const labels = (['Safe', 'Controversial', 'Unsafe'] as const).filter(
      (label) => label !== 'Controversial' || Object.values(matrix[label]).some((count) => count > 0),
    )
    const rows = labels.map((label) =>
      row(
        `labelled ${label}`,
        ...(['Safe', 'Controversial', 'Unsafe', 'unjudged'] as const).map((verdict) =>
          figure(report, `${part}/matrix/${label}/${verdict}`, 'count'),
        ),
      ),
    )
    const binary = READINGS.map((reading) =>
      row(
        reading,
        ...(['tp', 'fn', 'fp', 'tn'] as const).map((name) =>
          figure(report, `${part}/${reading}/counts/${name}`, 'count'),
        ),
      ),
    )
    return [
      tableOf([PART_TITLES[part], 'judged Safe', 'Controversial', 'Unsafe', 'not judged'], rows),
      tableOf([PART_TITLES[part], 'flagged rightly', 'missed', 'false alarms', 'passed rightly'], binary),
    ]
  })
  return tables.length === 0
    ? ''
    : `<h2 id="matrices">Labels and verdicts</h2>\n<div class="plots">${tables.join('\n')}</div>`
}

/** Areas, thresholds for wanted rates of false alarms, and the sweep. */
export function curveTables(report: EvalReport, part: 'prompt' | 'response'): string {
  const areas = READINGS.flatMap((reading) => {
    const curves = report.curves[part][reading]
    if (curves === null) return []
    const at = `curves/${part}/${reading}`
    return [
      row(reading, figure(report, `${at}/rocArea`, 'decimal'), figure(report, `${at}/prArea`, 'decimal')),
    ]
  })
  const wanted = READINGS.flatMap((reading) =>
    (report.curves[part][reading]?.wanted ?? []).map(({ fpr }, i) => {
      const path = `curves/${part}/${reading}/wanted/${i}/point`
      return row(
        `${reading}, at most ${shownShare(fpr)}`,
        figure(report, `${path}/threshold`, 'decimal'),
        figure(report, `${path}/recall`),
        figure(report, `${path}/fpr`),
        figure(report, `${path}/precision`),
      )
    }),
  )
  const sweep = (report.curves[part].strict?.sweep ?? []).map(({ threshold }, i) => {
    const path = `curves/${part}/strict/sweep/${i}`
    const cells = (['f1', 'precision', 'recall', 'fpr'] as const).map((name) =>
      figure(report, `${path}/${name}`),
    )
    return row(threshold.toString(), ...cells)
  })
  const ece = numberAt(report, `reliability/${part}/ece`)
  return `${tableOf(['Area under the curve', 'ROC', 'Precision and recall'], areas)}
${tableOf(['False alarms wanted', 'Threshold', 'Recall', 'False alarms', 'Precision'], wanted)}
<details><summary>Threshold sweep (strict score)</summary>${tableOf(['Threshold', 'F1', 'Precision', 'Recall', 'False alarms'], sweep)}</details>
${ece === null ? '' : `<p class="quiet">Expected calibration error of the strict score: ${figure(report, `reliability/${part}/ece`, 'decimal', 'b')}</p>`}`
}

const MOST_GROUPS = 40

export function groupTable(report: EvalReport, kind: 'byCategory' | 'byLanguage' | 'bySource'): string {
  const groups = Object.entries(report[kind])
  const rows = groups
    .slice(0, MOST_GROUPS)
    .flatMap(([name, section]) => figureRows(report, section, `${kind}/${pathKey(name)}`, name))
  const left = groups.length - MOST_GROUPS
  return `${tableOf(HEAD, rows)}${left > 0 ? `<p class="quiet">${left} more in the embedded JSON.</p>` : ''}`
}
