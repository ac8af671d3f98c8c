import { CATEGORIES, type Category } from '../labels.js'
import type { Action, Policy } from '../policy.js'
import type { HoldBack } from '../stream/release.js'
import { element, there } from './elements.js'

const ACTIONS: readonly Action[] = ['block', 'flag', 'allow']
const NAMES: Record<Action, string> = { block: 'block', flag: 'flag', allow: 'allow' }

/** A policy and what is held back, as the controls say. Only what differs from the default is named. */
export interface Chosen {
  policy: Policy
  holdBack: HoldBack
}

/** The controls of a policy. `onChange` is called when one of them has moved. */
export class PolicyPanel {
  readonly #form = there('policy', HTMLFormElement)
  readonly #selects = new Map<Category, HTMLSelectElement>()

  constructor(onChange: () => void) {
    const rows = CATEGORIES.map((category, i) => {
      const id = `category-${i}`
      const select = element(
        'select',
        { id },
        ...ACTIONS.map((action) => element('option', { value: action }, NAMES[action])),
      )
      this.#selects.set(category, select)
      return element('div', { class: 'row' }, element('label', { for: id }, category), select)
    })
    there('categories', HTMLElement).append(...rows)
    const changed = () => {
      this.#say()
      onChange()
    }
    this.#form.addEventListener('input', (event) => {
      // Whoever writes a number means it.
      if ((event.target as Element).id === 'hold-number') this.#radio('holdBack', 'number')
      changed()
    })
    this.#form.addEventListener('submit', (event) => event.preventDefault())
    // The controls have their defaults only after the event.
    this.#form.addEventListener('reset', () => setTimeout(changed))
    this.#say()
  }

  get chosen(): Chosen {
    const data = new FormData(this.#form)
    const policy: Policy = {}
    if (data.get('mode') === 'strict') policy.mode = 'strict'
    const threshold = Number(data.get('threshold'))
    if (threshold > 0) policy.threshold = threshold / 100
    const consecutive = Number(data.get('consecutive'))
    if (consecutive !== 2) policy.consecutive = consecutive
    const prompt = data.get('prompt')
    if (prompt === 'flag' || prompt === 'allow') policy.prompt = prompt
    const categories = [...this.#selects]
      .filter(([, select]) => select.value !== 'block')
      .map(([category, select]) => [category, select.value as Action])
    if (categories.length > 0) policy.categories = Object.fromEntries(categories)
    return { policy, holdBack: this.#holdBack(data) }
  }

  #holdBack(data: FormData): HoldBack {
    const holdBack = data.get('holdBack')
    if (holdBack === 'token' || holdBack === 'sentence') return holdBack
    const tokens = Math.trunc(Number(data.get('holdNumber')))
    return Number.isFinite(tokens) ? Math.min(200, Math.max(0, tokens)) : 0
  }

  #radio(name: string, value: string): void {
    for (const input of this.#form.querySelectorAll<HTMLInputElement>(`input[name="${name}"]`)) {
      input.checked = input.value === value
    }
  }

  /** What the sliders stand for. */
  #say(): void {
    const { policy } = this.chosen
    there('threshold-said', HTMLOutputElement).value =
      policy.threshold === undefined ? 'the likeliest label' : `${Math.round(policy.threshold * 100)} %`
    there('threshold', HTMLInputElement).setAttribute(
      'aria-valuetext',
      there('threshold-said', HTMLOutputElement).value,
    )
    there('consecutive-said', HTMLOutputElement).value = String(policy.consecutive ?? 2)
    const named = Object.values(policy.categories ?? {}).length
    there('categories-said', HTMLElement).textContent =
      named === 0 ? 'all block' : `${named} ${named === 1 ? 'does' : 'do'} not block`
    for (const select of this.#selects.values()) select.dataset.action = select.value
  }
}
