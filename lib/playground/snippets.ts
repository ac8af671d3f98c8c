import { element, there } from './elements.js'
import type { Chosen } from './policy-panel.js'

/** What the texts to copy are made of. */
export interface SnippetsOf extends Chosen {
  prompt: string
  reply: string
  streamModel: string | null
  /** What the guard said and what the policy did, as JSON shows it. */
  verdicts: unknown
}

const TABS = {
  verdicts: { name: 'Verdicts', made: ({ verdicts }: SnippetsOf) => JSON.stringify(verdicts, null, 2) },
  node: { name: 'Node.js', made: nodeProgram },
  http: { name: 'HTTP', made: httpCall },
} as const

type Tab = keyof typeof TABS

/** Verdicts and code in tabs, each with a button that copies it. */
export class Snippets {
  readonly #code = element('code')
  readonly #panel = element('pre', { id: 'snippet', role: 'tabpanel', tabindex: 0 }, this.#code)
  readonly #copied = element('span', { class: 'hint', role: 'status' })
  readonly #tabs = new Map<Tab, HTMLButtonElement>()
  #open: Tab = 'verdicts'
  #of: SnippetsOf | null = null

  constructor() {
    const list = element('div', { role: 'tablist', 'aria-label': 'To take along' })
    for (const [tab, { name }] of Object.entries(TABS) as [Tab, { name: string }][]) {
      const button = element(
        'button',
        {
          type: 'button',
          role: 'tab',
          id: `tab-${tab}`,
          'aria-controls': 'snippet',
          onclick: () => this.#select(tab),
        },
        name,
      )
      this.#tabs.set(tab, button)
      list.append(button)
    }
    list.addEventListener('keydown', (event) => this.#key(event))
    const copy = element('button', { type: 'button', class: 'plain', onclick: () => this.#copy() }, 'Copy')
    there('snippets', HTMLElement).append(
      element('div', { class: 'bar-row' }, list, copy, this.#copied),
      this.#panel,
    )
    this.#select('verdicts')
  }

  show(of: SnippetsOf): void {
    this.#of = of
    const text = TABS[this.#open].made(of)
    if (this.#code.textContent === text) return
    this.#code.textContent = text
    this.#copied.textContent = ''
  }

  #select(tab: Tab): void {
    this.#open = tab
    for (const [name, button] of this.#tabs) {
      button.setAttribute('aria-selected', String(name === tab))
      button.tabIndex = name === tab ? 0 : -1
    }
    this.#panel.setAttribute('aria-labelledby', `tab-${tab}`)
    this.#panel.scrollTop = 0
    if (this.#of) this.show(this.#of)
  }

  #key(event: KeyboardEvent): void {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (by === undefined) return
    event.preventDefault()
    const tabs = [...this.#tabs.keys()]
    const tab = tabs[(tabs.indexOf(this.#open) + by + tabs.length) % tabs.length] as Tab
    this.#select(tab)
    this.#tabs.get(tab)?.focus()
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#code.textContent ?? '')
      this.#copied.textContent = 'copied'
    } catch {
      // No clipboard without HTTPS or a permission: the text is selected instead.
      getSelection()?.selectAllChildren(this.#code)
      this.#copied.textContent = 'selected: press Ctrl+C'
    }
  }
}

/** A literal of JavaScript in the style of the documentation. */
function literal(value: unknown): string {
  if (typeof value === 'string')
    return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
  if (typeof value !== 'object' || value === null) return String(value)
  const fields = Object.entries(value).map(
    ([key, inner]) => `${/^\w+$/.test(key) ? key : literal(key)}: ${literal(inner)}`,
  )
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
}

function nodeProgram({ prompt, reply, streamModel, policy, holdBack }: SnippetsOf): string {
  return `import { StreamGuard } from 'qwen3guard'

/** Stands for your model. */
async function* reply() {
  yield ${literal(reply)}
}

const guard = await StreamGuard.load({ model: ${literal(streamModel ?? 'qwen3guard-stream-0.6b')} })
try {
  const policy = ${literal(policy)}
  for await (const event of guard.moderate(${literal(prompt)}, reply(), { policy, holdBack: ${literal(holdBack)} })) {
    if (event.type === 'text') process.stdout.write(event.text)
    if (event.type === 'block') console.log('[withheld: ' + event.reason + ']')
  }
} finally {
  await guard.close()
}
`
}

/** A body in quotes of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

function httpCall({ prompt }: SnippetsOf): string {
  const body = JSON.stringify({ model: 'omni-moderation-latest', input: prompt }, null, 2)
  return `curl ${location.origin}/v1/moderations \\
  -H 'content-type: application/json' \\
  -d ${quoted(body)}
`
}
