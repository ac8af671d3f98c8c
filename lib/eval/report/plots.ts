import { escaped } from './cells.js'
import type { Spec } from './specs.js'

/** Draws a specification as SVG. */
export type Draw = (spec: Spec) => Promise<string>

/** A plot as a page holds it; where it cannot be drawn a line that says so, for the tables do without it. */
export async function drawnOrSaid(draw: Draw, spec: Spec, title: string): Promise<string> {
  try {
    return await draw(spec)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return `<p class="notice bad">The plot “${escaped(title)}” could not be drawn: ${escaped(why)}</p>`
  }
}

/** On a transparent ground, in the colour of the text around it. */
const CONFIG = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  padding: 4,
  axis: {
    domainColor: 'currentColor',
    domainOpacity: 0.4,
    gridColor: 'currentColor',
    gridOpacity: 0.12,
    tickColor: 'currentColor',
    tickOpacity: 0.4,
    labelColor: 'currentColor',
    labelFontSize: 11,
    titleColor: 'currentColor',
    titleFontSize: 12,
    titleFontWeight: 'normal',
  },
  legend: {
    orient: 'bottom',
    direction: 'horizontal',
    labelColor: 'currentColor',
    labelFontSize: 12,
    titleColor: 'currentColor',
    titleFontWeight: 'normal',
    symbolStrokeWidth: 2.5,
  },
  line: { strokeWidth: 2 },
  view: { stroke: null },
}

/** The plotter of Vega and Vega-Lite where both are installed; else what to install. */
export async function plotter(): Promise<Draw | { missing: string }> {
  let vega: typeof import('vega')
  let lite: typeof import('vega-lite')
  try {
    ;[vega, lite] = await Promise.all([import('vega'), import('vega-lite')])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    return { missing: 'The report has its tables and no plots: for plots, npm install vega vega-lite' }
  }
  return async (spec) => {
    const { spec: compiled } = lite.compile({ ...spec, config: CONFIG } as never, {
      logger: vega.logger(vega.Error),
    })
    const view = new vega.View(vega.parse(compiled), { renderer: 'none', logLevel: vega.Error })
    try {
      return await view.toSVG()
    } finally {
      view.finalize()
    }
  }
}
