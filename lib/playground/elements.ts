/** What an element is made with: attributes, and listeners under their names with `on`. */
type Properties = Record<string, string | number | boolean | ((event: Event) => void) | null>

/** Makes an element. Text goes in as text: nothing of the page is parsed from a string. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Properties = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name)
  apply(made, properties)
  made.append(...children)
  return made
}

/** Makes an element of SVG. */
export function drawn(name: string, properties: Properties = {}, ...children: (Node | string)[]): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  apply(made, properties)
  made.append(...children)
  return made
}

/** An element that index.html has. */
export function there<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} #${id}`)
  return found
}

function apply(made: Element, properties: Properties): void {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') made.addEventListener(name.replace(/^on/, ''), value)
    else if (value === true) made.setAttribute(name, '')
    else if (value !== false && value !== null) made.setAttribute(name, String(value))
  }
}
