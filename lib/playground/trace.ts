import type { TokenVerdict } from '../stream/verdict.js'
import { drawn, element, there } from './elements.js'
import type { Cut } from './replay.js'

/** Units of the drawing: its height, and the least width of a token. It is as wide as its place. */
const HEIGHT = 96
const LEAST_TOKENS = 24

/** What is drawn of a reply. */
export interface Drawn {
  tokens: readonly TokenVerdict[]
  threshold: number | undefined
  cut: Cut | null
  selected: number | null
}

/** P(Unsafe), and P(Controversial) on top of it, of each token; the threshold, the cut and the token that is looked at. */
export class Trace {
  readonly #place = there('trace', HTMLElement)

  constructor(onSelect: (index: number) => void) {
    const select = (event: MouseEvent) => {
      const index = (event.target as Element).getAttribute('data-index')
      if (index !== null) onSelect(Number(index))
    }
    this.#place.addEventListener('click', select)
    this.#place.addEventListener('pointermove', select)
  }

  draw({ tokens, threshold, cut, selected }: Drawn): void {
    const width = Math.max(LEAST_TOKENS, tokens.length)
    const y = (share: number) => (HEIGHT * (1 - share)).toFixed(2)
    const steps = (top: (token: TokenVerdict) => number) =>
      tokens.length === 0
        ? ''
        : `M0 ${HEIGHT}${tokens.map((token, i) => `V${y(top(token))}H${i + 1}`).join('')}V${HEIGHT}Z`
    const cutAt = cut === null ? null : cutColumn(tokens, cut)
    const picture = drawn(
      'svg',
      {
        viewBox: `0 0 ${width} ${HEIGHT}`,
        preserveAspectRatio: 'none',
        role: 'img',
        'aria-label': said(tokens, cut),
      },
      ...[0.25, 0.5, 0.75].map((share) => drawn('path', { class: 'grid', d: `M0 ${y(share)}H${width}` })),
      drawn('path', {
        class: 'controversial',
        d: steps(({ probabilities }) => Math.min(1, probabilities.Unsafe + probabilities.Controversial)),
      }),
      drawn('path', { class: 'unsafe', d: steps(({ probabilities }) => probabilities.Unsafe) }),
      ...(cutAt === null
        ? []
        : [
            drawn('rect', { class: 'behind', x: cutAt, y: 0, width: width - cutAt, height: HEIGHT }),
            drawn('path', { class: 'cut-line', d: `M${cutAt} 0V${HEIGHT}` }),
          ]),
      ...(threshold === undefined
        ? []
        : [drawn('path', { class: 'threshold', d: `M0 ${y(threshold)}H${width}` })]),
      ...(selected === null
        ? []
        : [drawn('rect', { class: 'selected', x: selected, y: 0, width: 1, height: HEIGHT })]),
      ...tokens.map((_, i) =>
        drawn('rect', { class: 'hit', 'data-index': i, x: i, y: 0, width: 1, height: HEIGHT }),
      ),
    )
    const key = element(
      'p',
      { class: 'hint key' },
      element('span', { class: 'swatch', 'data-risk': 'Unsafe' }),
      'P(Unsafe) ',
      element('span', { class: 'swatch', 'data-risk': 'Controversial' }),
      'P(Controversial) on top ',
      ...(threshold === undefined ? [] : [element('span', { class: 'swatch line' }), 'threshold ']),
    )
    this.#place.replaceChildren(picture, key)
  }
}

/** The first token that lies behind the cut. */
function cutColumn(tokens: readonly TokenVerdict[], { start }: Cut): number {
  const at = tokens.findIndex((token) => token.start >= start && token.text !== '')
  return at === -1 ? tokens.length : at
}

function said(tokens: readonly TokenVerdict[], cut: Cut | null): string {
  const count = (risk: string) => tokens.filter((token) => token.risk === risk).length
  const where = cut?.token == null ? '' : `, cut because of token ${cut.token}`
  return `${tokens.length} tokens: ${count('Unsafe')} Unsafe, ${count('Controversial')} Controversial${where}`
}
