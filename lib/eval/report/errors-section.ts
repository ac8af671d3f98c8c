import type { ShownError } from '../worst.js'
import { escaped, shownShare } from './cells.js'
import { type Draw, drawnOrSaid } from './plots.js'
import { tokensSpec } from './specs.js'

/** Replies whose probabilities are drawn; the rest have their tokens marked. */
const MOST_DRAWN = 6

/** The errors that are furthest off. Their texts are hidden until somebody opens them. */
export async function errorsSection(errors: readonly ShownError[], draw: Draw | null): Promise<string> {
  if (errors.length === 0) return ''
  let drawn = 0
  const shown: string[] = []
  for (const error of errors) {
    const { kind, file, line, id, target, label, verdict, score, messages, tokens } = error
    const name = `${file}:${line}${id === null ? '' : `, ${id}`}`
    const said = messages.map(
      ({ role, content, reasoning }) =>
        `<div class="said"><b>${role}</b>${reasoning === undefined ? '' : `<i>${escaped(reasoning)}</i>\n`}${escaped(content)}</div>`,
    )
    let plot = ''
    if (tokens !== null && tokens.length > 1 && draw !== null && drawn < MOST_DRAWN) {
      drawn += 1
      const title = 'Probability along the reply'
      plot = `<figure>${await drawnOrSaid(draw, tokensSpec(tokens), title)}<figcaption>${title}</figcaption></figure>`
    }
    shown.push(
      `<details class="error"><summary><span class="${kind === 'missed' ? 'unsafe' : 'controversial'}">${kind}</span>, ${target === 'prompt' ? 'prompt' : 'reply'} labelled ${escaped(label)}, judged ${escaped(verdict)}; score ${shownShare(score)} <span class="quiet">${escaped(name)}</span></summary>${said.join('')}${marked(tokens)}${plot}</details>`,
    )
  }
  return `<h2 id="errors">Worst errors</h2>
<p>Furthest from their labels by the strict score. The texts may be harmful: each opens with a click.</p>
${shown.join('\n')}`
}

function marked(tokens: ShownError['tokens']): string {
  if (tokens === null) return ''
  const spans = tokens.map(({ text, unsafe, controversial }) => {
    const risk = unsafe >= 0.5 ? 'unsafe' : unsafe + controversial >= 0.5 ? 'controversial' : null
    return risk === null ? escaped(text) : `<span class="${risk}">${escaped(text)}</span>`
  })
  return `<div class="said tokens"><b>tokens from 50 % on</b>${spans.join('')}</div>`
}
