import { READINGS } from '../metrics.js'
import type { EvalReport } from '../report-data.js'
import type { ShownError } from '../worst.js'
import { escaped, PART_TITLES } from './cells.js'
import { errorsSection } from './errors-section.js'
import { type Draw, drawnOrSaid, plotter } from './plots.js'
import { curveTables, figures, groupTable, header, identity, matrices } from './sections.js'
import {
  groupsSpec,
  latencyBinsSpec,
  latencyCurveSpec,
  prSpec,
  reliabilitySpec,
  rocSpec,
  type Spec,
  sweepSpec,
} from './specs.js'
import { latencySection, officialSection } from './stream-section.js'
import { STYLE } from './style.js'

/** Nothing is fetched and nothing runs: the page is what it says. */
const CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

/**
 * The report as one HTML file: tables, plots where Vega and Vega-Lite are installed, all figures as embedded JSON.
 *
 * @param errors whose texts are shown when they are opened
 * @param plots what draws; default: Vega and Vega-Lite, where both are installed
 * @returns the page, and what to install for what it lacks
 */
export async function htmlReport(
  report: EvalReport,
  errors: readonly ShownError[],
  plots?: Draw | { missing: string },
): Promise<{ html: string; note: string | null }> {
  const found = plots ?? (await plotter())
  const draw = typeof found === 'function' ? found : null
  const note = typeof found === 'function' ? null : found.missing
  const groups = await groupSections(report, draw)
  const sections = [
    figures(report),
    matrices(report),
    ...(await curveSections(report, draw)),
    latencySection(report, await latencyPlots(report, draw)),
    ...groups,
    officialSection(report),
    await errorsSection(errors, draw),
    identity(report),
  ].filter((section) => section !== '')
  const title = `${report.model.model}: evaluation`
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${CONTENT_POLICY}">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header>
${header(report)}
${note === null ? '' : `<p class="notice">${escaped(note)}</p>`}
<nav>${linksOf(sections)}</nav>
</header>
<main>
${sections.join('\n')}
</main>
<script type="application/json" id="figures-json">${JSON.stringify(embedded(report)).replace(/</g, '\\u003c')}</script>
</body>
</html>
`
  return { html, note }
}

/** Outcomes of texts that a page holds beside the figures; of more, `--json` has them. */
const MOST_ITEMS = 20_000

function embedded(report: EvalReport): object {
  const { length } = report.items
  return length > MOST_ITEMS ? { ...report, items: [], itemsLeftOut: length } : report
}

function linksOf(sections: readonly string[]): string {
  return sections
    .flatMap((section) => {
      const found = /<h2 id="([^"]+)">([^<]+)/.exec(section)
      return found ? [`<a href="#${found[1]}">${found[2]}</a>`] : []
    })
    .join('')
}

async function plot(draw: Draw, spec: Spec, title: string, caption = ''): Promise<string> {
  const below = caption === '' ? '' : `<figcaption>${escaped(caption)}</figcaption>`
  return `<figure><strong>${escaped(title)}</strong>${await drawnOrSaid(draw, spec, title)}${below}</figure>`
}

async function curveSections(report: EvalReport, draw: Draw | null): Promise<string[]> {
  const sections: string[] = []
  for (const part of ['prompt', 'response'] as const) {
    const curves = report.curves[part]
    const figures = report[part]
    if (figures === null || READINGS.every((reading) => curves[reading] === null)) continue
    const plots: string[] = []
    if (draw !== null) {
      const points = 'Diamonds: what the labels say. Circles: thresholds for the false alarms wanted.'
      plots.push(await plot(draw, rocSpec(curves, figures), 'ROC', points))
      plots.push(await plot(draw, prSpec(curves, figures), 'Precision and recall', points))
      if (curves.strict)
        plots.push(await plot(draw, sweepSpec(curves.strict), 'Thresholds', 'By the strict score.'))
      const reliability = report.reliability[part]
      if (reliability) {
        const caption = 'On the dashed line a score is a probability.'
        plots.push(await plot(draw, reliabilitySpec(reliability), 'Reliability', caption))
      }
    }
    const title = `${PART_TITLES[part]} by threshold`
    sections.push(
      `<h2 id="curves-${part}">${title}</h2>\n${plots.length > 0 ? `<div class="plots">${plots.join('')}</div>` : ''}\n${curveTables(report, part)}`,
    )
  }
  return sections
}

async function latencyPlots({ latency }: EvalReport, draw: Draw | null): Promise<string> {
  if (draw === null || latency?.strict === null || latency === null) return ''
  const bins = await plot(
    draw,
    latencyBinsSpec(latency),
    'Detection latency',
    'Tokens from the end of the sentence.',
  )
  const curve = await plot(draw, latencyCurveSpec(latency), 'Caught by', 'Negative: ahead of the annotation.')
  return `<div class="plots">${bins}${curve}</div>`
}

const GROUPS = [
  { kind: 'byCategory', title: 'Categories', least: 1 },
  { kind: 'byLanguage', title: 'Languages', least: 1 },
  { kind: 'bySource', title: 'Sources', least: 2 },
] as const

/** Groups whose table is open at once. */
const MOST_OPEN = 6

async function groupSections(report: EvalReport, draw: Draw | null): Promise<string[]> {
  const sections: string[] = []
  for (const { kind, title, least } of GROUPS) {
    const groups = report[kind]
    if (Object.keys(groups).length < least) continue
    const plots: string[] = []
    for (const part of ['prompt', 'response'] as const) {
      const spec = draw === null ? null : groupsSpec(groups, part)
      if (draw === null || spec === null) continue
      plots.push(await plot(draw, spec, `${PART_TITLES[part]}, strict`, 'With 95 % intervals.'))
    }
    const drawn = plots.length > 0 ? `<div class="plots">${plots.join('')}</div>` : ''
    const count = Object.keys(groups).length
    const open = count <= MOST_OPEN ? ' open' : ''
    const table = `<details${open}><summary>All figures of ${count} ${title.toLowerCase()}</summary>${groupTable(report, kind)}</details>`
    sections.push(`<h2 id="${kind}">${title}</h2>\n${drawn}\n${table}`)
  }
  return sections
}
