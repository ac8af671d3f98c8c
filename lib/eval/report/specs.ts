import type { Curves, OperatingPoint, Reliability } from '../curves.js'
import type { EvaluationFigures } from '../evaluation.js'
import { BINS } from '../latency.js'
import { READINGS } from '../metrics.js'
import type { PartFigures, SectionFigures } from '../section.js'
import type { ShownError } from '../worst.js'

/** A Vega-Lite specification: data and marks, all of it plain values. */
export type Spec = Record<string, unknown>

/** Seen on a light page and on a dark one. */
const COLOURS = {
  strict: '#4a8fd4',
  loose: '#c9822b',
  third: '#4fa37a',
  unsafe: '#d9606c',
  controversial: '#c9822b',
}
const READING_SCALE = { domain: ['strict', 'loose'], range: [COLOURS.strict, COLOURS.loose] }
const SIZE = { width: 330, height: 230 }
const SHARE_AXIS = { format: '.0%', tickCount: 6 }

function shares(field: string, title: string, domain: [number, number] = [0, 1]): Spec {
  return { field, type: 'quantitative', title, scale: { domain, nice: false }, axis: SHARE_AXIS }
}

const READING = { field: 'reading', type: 'nominal', title: null, scale: READING_SCALE }
const STROKE = { legend: { symbolType: 'stroke' } }
/** Dashed over solid, so that both are seen where they are one. */
const READING_DASH = {
  field: 'reading',
  type: 'nominal',
  scale: {
    domain: ['strict', 'loose'],
    range: [
      [1, 0],
      [5, 4],
    ],
  },
  title: null,
}
const DIAGONAL = {
  data: {
    values: [
      { x: 0, y: 0 },
      { x: 1, y: 1 },
    ],
  },
  mark: { type: 'line', strokeDash: [3, 3], color: 'currentColor', opacity: 0.4 },
  encoding: { x: { field: 'x', type: 'quantitative' }, y: { field: 'y', type: 'quantitative' } },
}

type BothCurves = Record<'strict' | 'loose', Curves | null>

/** The curves of both readings, from their beginning on, with the points at which the labels themselves are. */
function curveLayers(
  curves: BothCurves,
  part: PartFigures,
  x: { of(point: OperatingPoint): number | null; first: number; title: string },
  y: { of(point: OperatingPoint): number | null; first: number | null; title: string },
  label: { x: 'fpr' | 'recall'; y: 'recall' | 'precision' },
): Spec[] {
  const lines = READINGS.flatMap((reading) => {
    const points = (curves[reading]?.points ?? []).map((point) => ({
      reading,
      x: x.of(point),
      y: y.of(point),
    }))
    const known = points.filter((point) => point.x !== null && point.y !== null)
    const first = y.first ?? known[0]?.y
    return [{ reading, x: x.first, y: first }, ...known].map((point, order) => ({ ...point, order }))
  })
  const labels = READINGS.map((reading) => ({
    reading,
    x: part[reading][label.x],
    y: part[reading][label.y],
  }))
  const wanted = READINGS.flatMap((reading) =>
    (curves[reading]?.wanted ?? []).flatMap(({ point }) =>
      point === null ? [] : [{ reading, x: x.of(point), y: y.of(point) }],
    ),
  )
  const at = { x: shares('x', x.title), y: shares('y', y.title), color: { ...READING, ...STROKE } }
  return [
    {
      data: { values: lines },
      mark: { type: 'line' },
      encoding: { ...at, strokeDash: READING_DASH, order: { field: 'order', type: 'quantitative' } },
    },
    {
      data: { values: labels.filter((one) => one.x !== null && one.y !== null) },
      mark: { type: 'point', filled: true, size: 90, shape: 'diamond', opacity: 1 },
      encoding: at,
    },
    { data: { values: wanted }, mark: { type: 'point', filled: false, size: 55, opacity: 1 }, encoding: at },
  ]
}

export function rocSpec(curves: BothCurves, part: PartFigures): Spec {
  const x = { of: ({ fpr }: OperatingPoint) => fpr, first: 0, title: 'false alarms' }
  const y = { of: ({ recall }: OperatingPoint) => recall, first: 0, title: 'recall' }
  return { ...SIZE, layer: [DIAGONAL, ...curveLayers(curves, part, x, y, { x: 'fpr', y: 'recall' })] }
}

export function prSpec(curves: BothCurves, part: PartFigures): Spec {
  const x = { of: ({ recall }: OperatingPoint) => recall, first: 0, title: 'recall' }
  const y = { of: ({ precision }: OperatingPoint) => precision, first: null, title: 'precision' }
  return { ...SIZE, layer: curveLayers(curves, part, x, y, { x: 'recall', y: 'precision' }) }
}

export function sweepSpec({ sweep }: Curves): Spec {
  const names = { f1: 'F1', recall: 'recall', fpr: 'false alarms' }
  const values = sweep.flatMap((point) =>
    (['f1', 'recall', 'fpr'] as const).flatMap((name) =>
      point[name] === null ? [] : [{ threshold: point.threshold, figure: names[name], value: point[name] }],
    ),
  )
  return {
    ...SIZE,
    data: { values },
    mark: { type: 'line', point: { size: 25 } },
    encoding: {
      x: { field: 'threshold', type: 'quantitative', title: 'threshold', scale: { domain: [0, 1] } },
      y: shares('value', ''),
      color: {
        field: 'figure',
        type: 'nominal',
        title: null,
        scale: { domain: Object.values(names), range: [COLOURS.strict, COLOURS.third, COLOURS.unsafe] },
      },
      strokeDash: {
        field: 'figure',
        type: 'nominal',
        title: null,
        scale: {
          domain: Object.values(names),
          range: [
            [1, 0],
            [6, 3],
            [2, 2],
          ],
        },
      },
    },
  }
}

export function reliabilitySpec({ bins }: Reliability): Spec {
  const values = bins.filter(({ n }) => n > 0)
  const at = { x: shares('meanScore', 'mean score'), y: shares('unsafeShare', 'labelled unsafe') }
  const size = {
    field: 'n',
    type: 'quantitative',
    title: 'texts',
    scale: { type: 'sqrt', range: [20, 400] },
    legend: { tickCount: 3 },
  }
  return {
    ...SIZE,
    layer: [
      DIAGONAL,
      { data: { values }, mark: { type: 'line', color: COLOURS.strict, opacity: 0.6 }, encoding: at },
      {
        data: { values },
        mark: { type: 'point', filled: true, color: COLOURS.strict, opacity: 0.9 },
        encoding: { ...at, size },
      },
    ],
  }
}

type Latency = Pick<NonNullable<EvaluationFigures['latency']>, 'strict' | 'loose'>

export function latencyBinsSpec(latency: Latency): Spec {
  const values = READINGS.flatMap((reading) =>
    BINS.map((bin) => ({ reading, bin, replies: latency[reading]?.bins[bin] ?? 0 })),
  )
  return {
    ...SIZE,
    data: { values },
    mark: { type: 'bar' },
    encoding: {
      x: {
        field: 'bin',
        type: 'ordinal',
        sort: [...BINS],
        title: 'tokens after the annotated sentence',
        axis: { labelAngle: -40 },
      },
      xOffset: { field: 'reading', sort: ['strict', 'loose'] },
      y: { field: 'replies', type: 'quantitative', title: 'replies', axis: { tickMinStep: 1 } },
      color: READING,
    },
  }
}

/** Share of all located replies that is caught so many tokens after the annotated start, or before. */
export function latencyCurveSpec(latency: Latency): Spec {
  const values = READINGS.flatMap((reading) => {
    const figures = latency[reading]
    if (!figures) return []
    const { distances, n } = figures
    const kept = Math.max(1, Math.ceil(distances.length / 300))
    return distances
      .map((tokens, i) => ({ reading, tokens, share: (i + 1) / n }))
      .filter((_, i) => i % kept === 0 || i === distances.length - 1)
  })
  return {
    ...SIZE,
    data: { values },
    mark: { type: 'line', interpolate: 'step-after' },
    encoding: {
      x: { field: 'tokens', type: 'quantitative', title: 'tokens from the annotated start' },
      y: shares('share', 'caught'),
      color: { ...READING, ...STROKE },
      strokeDash: READING_DASH,
    },
  }
}

const MOST_GROUPS = 15

/** Vega keeps names as keys of plain objects, and throws at one that every object has, such as `constructor`. */
function plottable(name: string): string {
  return name in {} ? `\u00a0${name}` : name
}

/** Recall of groups with its interval, beside the false alarms of those that have benign texts. */
export function groupsSpec(groups: Record<string, SectionFigures>, part: 'prompt' | 'response'): Spec | null {
  const values = Object.entries(groups)
    .slice(0, MOST_GROUPS)
    .flatMap(([name, section]) => {
      const figures = section[part]?.strict
      if (!figures) return []
      const one = (figure: string, value: number | null, ends: [number, number] | null) =>
        value === null || ends === null
          ? []
          : [{ name: plottable(name), figure, value, low: ends[0], high: ends[1] }]
      return [
        ...one('recall', figures.recall, figures.intervals.recall),
        ...one('false alarms', figures.fpr, figures.intervals.fpr),
      ]
    })
  if (values.length === 0) return null
  const names = [...new Set(values.map(({ name }) => name))]
  const y = { field: 'name', type: 'nominal', sort: names, title: null, axis: { labelLimit: 220 } }
  const color = {
    field: 'figure',
    type: 'nominal',
    title: null,
    scale: { domain: ['recall', 'false alarms'], range: [COLOURS.strict, COLOURS.unsafe] },
  }
  const yOffset = { field: 'figure', sort: ['recall', 'false alarms'] }
  return {
    width: 250,
    height: { step: 11 },
    data: { values },
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 1.5 },
        encoding: { x: shares('low', ''), x2: { field: 'high' }, y, yOffset, color },
      },
      {
        mark: { type: 'point', filled: true, size: 45, opacity: 1 },
        encoding: { x: shares('value', ''), y, yOffset, color },
      },
    ],
  }
}

export function tokensSpec(tokens: NonNullable<ShownError['tokens']>): Spec {
  const names = ['P(Unsafe)', 'P(Controversial)']
  const values = tokens.flatMap(({ unsafe, controversial }, token) => [
    { token, kind: names[0], value: unsafe },
    { token, kind: names[1], value: controversial },
  ])
  return {
    width: 420,
    height: 120,
    data: { values },
    mark: { type: 'line' },
    encoding: {
      x: { field: 'token', type: 'quantitative', title: 'token' },
      y: shares('value', ''),
      color: {
        field: 'kind',
        type: 'nominal',
        title: null,
        scale: { domain: names, range: [COLOURS.unsafe, COLOURS.controversial] },
      },
    },
  }
}
