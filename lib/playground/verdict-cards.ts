import type { Category, Safety } from '../labels.js'
import type { PromptVerdict } from '../stream/verdict.js'
import { element, there } from './elements.js'
import type { replyVerdict } from './replay.js'
import { bars, percent } from './reply-view.js'

/** Of a verdict of Gen's (`GenVerdict`), what is shown. */
export interface GenWord {
  safety: Safety
  categories: Category[]
  refusal: boolean | null
  scores: { safety: Record<Safety, number>; strict: number; loose: number }
  usage: { ms: number }
}

/** What Gen has said, or why it has not. */
export type GenAnswer = { verdict: GenWord } | { error: string } | 'asked' | null

/** Verdicts of a whole conversation. */
export interface CardsOf {
  streamModel: string | null
  genModel: string | null
  prompt: PromptVerdict | null
  reply: ReturnType<typeof replyVerdict>
  /** Whether the reply is over. */
  ended: boolean
  genPrompt: GenAnswer
  genReply: GenAnswer
}

/** Four verdicts: question and reply, by Stream and by Gen. */
export class VerdictCards {
  readonly #place = there('verdicts', HTMLElement)
  #shown = ''

  show(of: CardsOf): void {
    // Nothing is made anew that says the same: a reader's place stays.
    const fresh = JSON.stringify(of)
    if (fresh === this.#shown) return
    this.#shown = fresh
    this.#place.replaceChildren(
      row('The question', streamPrompt(of), gen(of.genModel, of.genPrompt)),
      row('The reply', streamReply(of), gen(of.genModel, of.genReply)),
    )
  }
}

function row(title: string, stream: Node[], byGen: Node[]): HTMLElement {
  return element(
    'div',
    { class: 'pair', role: 'group', 'aria-label': title },
    element('h3', {}, title),
    element('div', { class: 'card' }, element('h4', {}, 'Stream'), ...stream),
    element('div', { class: 'card' }, element('h4', {}, 'Gen'), ...byGen),
  )
}

function streamPrompt({ streamModel, prompt }: CardsOf): Node[] {
  if (streamModel === null) return [quiet('no Stream model is loaded')]
  if (prompt === null) return [quiet('not judged yet')]
  const categories = prompt.category === null ? [] : [prompt.category]
  return [word(prompt.safety, categories), bars(prompt.probabilities)]
}

function streamReply({ streamModel, reply, ended }: CardsOf): Node[] {
  if (streamModel === null) return [quiet('no Stream model is loaded')]
  if (reply.tokenCount === 0) return [quiet('no token is judged yet')]
  const tokens = `${reply.tokenCount} ${reply.tokenCount === 1 ? 'token' : 'tokens'}${ended ? '' : ' so far'}`
  const decided = reply.at === null ? '' : `, decided at token ${reply.at}, two in a row`
  return [word(reply.safety, reply.category === null ? [] : [reply.category]), quiet(tokens + decided)]
}

function gen(model: string | null, answer: GenAnswer): Node[] {
  if (model === null) return [quiet('no Gen model is loaded')]
  if (answer === null) return [quiet('not judged yet')]
  if (answer === 'asked') return [quiet('judging…')]
  if ('error' in answer) return [quiet(`not judged: ${answer.error}`)]
  const { safety, categories, refusal, scores, usage } = answer.verdict
  const refuses = refusal === null ? '' : refusal ? 'It refuses. ' : 'It does not refuse. '
  return [
    word(safety, categories),
    bars(scores.safety),
    quiet(
      `${refuses}strict ${percent(scores.strict)}, loose ${percent(scores.loose)}, ${Math.round(usage.ms)} ms`,
    ),
  ]
}

const quiet = (text: string): HTMLElement => element('p', { class: 'hint' }, text)

function word(safety: Safety, categories: readonly Category[]): HTMLElement {
  const names = categories.length > 0 ? ` ${categories.join(', ')}` : ''
  return element(
    'p',
    { class: 'word' },
    element('span', { class: 'risk', 'data-risk': safety }, safety),
    names,
  )
}
