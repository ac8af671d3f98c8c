import { SAFETIES, type Safety } from '../labels.js'
import type { TokenVerdict } from '../stream/verdict.js'
import { drawn, element, there } from './elements.js'
import type { Cut } from './replay.js'

/** Shares as people read them. */
export const percent = (share: number): string =>
  share > 0 && share < 0.005 ? '<1 %' : `${Math.round(100 * share)} %`

/** Text of a token that is named by itself. */
const visible = (text: string): string =>
  text === '' ? '(part of a character)' : `“${text.replaceAll('\n', '↵').replace(/^ | $/g, '·')}”`

/**
 * The reply with its tokens in the colours of their verdicts, where the policy cuts it, and one token in detail. Tokens are
 * added as they are judged; all else follows from the latest outcome.
 */
export class ReplyView {
  readonly #place = there('tokens', HTMLElement)
  readonly #said = there('token-said', HTMLElement)
  readonly #waiting = element('span', {
    class: 'token',
    'data-risk': 'waiting',
    'aria-hidden': 'true',
  })
  readonly #cut = element(
    'span',
    { class: 'cut', hidden: true, 'aria-hidden': 'true' },
    drawn('svg', { viewBox: '0 0 20 20', 'aria-hidden': 'true' }, drawn('path', { d: SCISSORS })),
    'cut here',
  )
  readonly #onSelect: (index: number | null) => void
  #tokens: TokenVerdict[] = []
  #spans: HTMLElement[] = []
  #selected: number | null = null

  constructor(onSelect: (index: number | null) => void) {
    this.#onSelect = onSelect
    this.#place.append(this.#waiting)
    this.#place.addEventListener('keydown', (event) => this.#key(event))
    this.#place.addEventListener('pointerover', (event) => this.#point(event))
    this.#place.addEventListener('click', (event) => this.#point(event))
    this.select(null)
  }

  /** Shows judged tokens, and `waiting`, the text behind them. What is shown already stays as it is. */
  show(tokens: readonly TokenVerdict[], waiting: string): void {
    let same = 0
    while (same < this.#tokens.length && isSame(this.#tokens[same], tokens[same])) same++
    for (const span of this.#spans.splice(same)) span.remove()
    if (this.#selected !== null && this.#selected >= same) this.select(null)
    for (const token of tokens.slice(same)) {
      const span = element(
        'span',
        {
          class: 'token new',
          role: 'option',
          id: `token-${token.index}`,
          'aria-selected': 'false',
          'aria-label': spoken(token),
          'data-risk': token.risk,
          'data-index': token.index,
        },
        token.text,
      )
      this.#spans.push(span)
      this.#waiting.before(span)
    }
    const grown = tokens.length > same
    this.#tokens = [...tokens]
    this.#waiting.textContent = waiting
    if (grown) this.#place.scrollTop = this.#place.scrollHeight
  }

  /** Shows where the policy cuts. What lies behind was never released, but the guard has read on. */
  cutAt(cut: Cut | null): void {
    const from = cut === null ? Number.POSITIVE_INFINITY : cut.start
    let first: HTMLElement | null = null
    for (const [i, { start, text }] of this.#tokens.entries()) {
      const span = this.#spans[i] as HTMLElement
      const isAfter = start >= from
      span.classList.toggle('after', isAfter)
      if (isAfter && text !== '') first ??= span
    }
    this.#waiting.classList.toggle('after', cut !== null)
    this.#cut.hidden = cut === null
    if (cut === null) this.#cut.remove()
    else this.#place.insertBefore(this.#cut, first ?? this.#waiting)
  }

  /** Shows one token in detail. */
  select(index: number | null): void {
    if (this.#selected !== null) this.#spans[this.#selected]?.setAttribute('aria-selected', 'false')
    this.#selected = index
    this.#onSelect(index)
    const token = index === null ? undefined : this.#tokens[index]
    if (!token || index === null) {
      this.#place.removeAttribute('aria-activedescendant')
      this.#said.replaceChildren(
        element('p', { class: 'hint' }, 'Point at a token, or move through them with the arrow keys.'),
      )
      return
    }
    this.#spans[index]?.setAttribute('aria-selected', 'true')
    this.#place.setAttribute('aria-activedescendant', `token-${index}`)
    this.#said.replaceChildren(...detail(token))
  }

  #point(event: Event): void {
    const index = (event.target as HTMLElement).dataset?.index
    if (index !== undefined) this.select(Number(index))
  }

  #key(event: KeyboardEvent): void {
    const last = this.#tokens.length - 1
    const at = this.#selected
    const next = {
      ArrowRight: at === null ? 0 : Math.min(last, at + 1),
      ArrowLeft: at === null ? last : Math.max(0, at - 1),
      Home: 0,
      End: last,
      n: this.#tokens.findIndex(({ risk }, i) => i > (at ?? -1) && risk !== 'Safe'),
    }[event.key === 'N' ? 'n' : event.key]
    if (next === undefined || next < 0 || last < 0 || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    this.select(next)
    this.#spans[next]?.scrollIntoView({ block: 'nearest' })
  }
}

/** A token as it is read aloud. */
function spoken({ text, risk, category }: TokenVerdict): string {
  return [text.trim() === '' ? 'space' : text.trim(), risk === 'Safe' ? '' : risk, category ?? '']
    .filter(Boolean)
    .join(', ')
}

/** Whether two verdicts of the same place are one: judged again, a text has the same tokens. */
function isSame(a: TokenVerdict | undefined, b: TokenVerdict | undefined): boolean {
  if (a === b) return true
  return a?.id === b?.id && a?.end === b?.end && a?.probabilities.Unsafe === b?.probabilities.Unsafe
}

function detail(token: TokenVerdict): HTMLElement[] {
  const { index, text, risk, category, probabilities, categories } = token
  const likely = Object.entries(categories)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
  return [
    element(
      'p',
      {},
      element('strong', {}, visible(text)),
      ` token ${index}: `,
      element('span', { class: 'risk', 'data-risk': risk }, risk),
      category === null ? '' : `, ${category}`,
    ),
    bars(probabilities),
    // Trained only where a token is not Safe.
    ...(risk === 'Safe'
      ? []
      : [
          element(
            'p',
            { class: 'hint' },
            likely.map(([name, share]) => `${name} ${percent(share)}`).join(' · '),
          ),
        ]),
  ]
}

/** Shares of the severities, as bars that are named. */
export function bars(probabilities: Record<Safety, number>): HTMLElement {
  const rows = SAFETIES.map((name) => {
    const share = probabilities[name]
    const bar = element('span', { class: 'bar', 'data-risk': name, 'aria-hidden': 'true' })
    bar.style.setProperty('--share', String(share))
    return element('div', { class: 'share' }, element('dt', {}, name), element('dd', {}, bar, percent(share)))
  })
  return element('dl', { class: 'shares' }, ...rows)
}

const SCISSORS =
  'M6.2 7.6 17 15M6.2 12.4 17 5M6.8 5.4a2.3 2.3 0 1 1-4.6 0 2.3 2.3 0 0 1 4.6 0ZM6.8 14.6a2.3 2.3 0 1 1-4.6 0 2.3 2.3 0 0 1 4.6 0Z'
