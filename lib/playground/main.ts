import { Conversation } from './conversation.js'
import { element, there } from './elements.js'
import { GuardServer } from './guard-server.js'
import { PolicyPanel } from './policy-panel.js'
import { type Cut, type Outcome, outcomeOf, replyVerdict } from './replay.js'
import { ReplyView } from './reply-view.js'
import { SAMPLES } from './samples.js'
import { ServerError } from './server-fault.js'
import { Snippets } from './snippets.js'
import { Trace } from './trace.js'
import { VerdictCards } from './verdict-cards.js'

const LONGEST_WAIT_MS = 8000

const promptField = there('prompt', HTMLTextAreaElement)
const replyField = there('reply', HTMLTextAreaElement)
const playButton = there('play', HTMLButtonElement)
const sampleChoice = there('sample', HTMLSelectElement)

const server = new GuardServer()
let drawing = false
const conversation = new Conversation(server, () => drawSoon())
let selected: number | null = null
const view = new ReplyView((index) => {
  selected = index
  drawSoon()
})
const trace = new Trace((index) => view.select(index))
const panel = new PolicyPanel(() => drawSoon())
const cards = new VerdictCards()
const snippets = new Snippets()

/** Draws once for all that has changed before the next frame. */
function drawSoon(): void {
  if (drawing) return
  drawing = true
  // A tab in the background has no frames, and goes on judging.
  const frame = document.hidden ? (draw: () => void) => setTimeout(draw, 200) : requestAnimationFrame
  frame(() => {
    drawing = false
    draw()
  })
}

function draw(): void {
  const { judged, waiting } = conversation
  const { policy, holdBack } = panel.chosen
  const tokens = judged.steps.flatMap((step) => step.tokens)
  const outcome = outcomeOf(judged, policy, holdBack)
  const reply = replyVerdict(judged.steps)

  view.show(tokens, waiting)
  view.cutAt(outcome.cut)
  trace.draw({ tokens, threshold: policy.threshold, cut: outcome.cut, selected })
  showPrompt(outcome)
  showReader(outcome)
  const { gen, stream } = server.setup
  const { genPrompt, genReply } = conversation
  cards.show({
    genModel: gen,
    streamModel: stream,
    prompt: judged.prompt,
    reply,
    ended: judged.ended,
    genPrompt,
    genReply,
  })
  const { action, cut } = outcome
  snippets.show({
    prompt: conversation.prompt,
    reply: conversation.reply,
    streamModel: stream,
    policy,
    holdBack,
    verdicts: {
      prompt: judged.prompt,
      reply: { ...reply, complete: judged.ended },
      policy: { ...policy, holdBack },
      outcome: { action, cut, released: outcome.released },
      tokens,
      gen: { prompt: said(genPrompt), reply: said(genReply) },
    },
  })
  const trouble = there('trouble', HTMLElement)
  trouble.hidden = conversation.fault === null || conversation.fault.kind !== 'refused'
  if (!trouble.hidden) trouble.textContent = `Not judged: ${conversation.fault?.message}`
}

const said = (answer: Conversation['genPrompt']) =>
  answer !== null && typeof answer === 'object' && 'verdict' in answer ? answer.verdict : answer

function showPrompt({ prompt }: Outcome): void {
  const { judged } = conversation
  const line = there('prompt-line', HTMLElement)
  if (judged.prompt === null) {
    line.textContent =
      conversation.prompt.trim() === '' ? 'Nothing is asked yet.' : 'The question is being judged…'
    return
  }
  const { safety, category } = judged.prompt
  const word = element('span', { class: 'risk', 'data-risk': safety }, safety)
  const done = { allow: 'allowed', flag: 'flagged', block: 'blocked' }[prompt ?? 'allow']
  line.replaceChildren('The question is ', word, category === null ? '' : ` (${category})`, `: ${done}.`)
}

function showReader({ released, waiting, cut }: Outcome): void {
  const asks = there('reader-prompt', HTMLElement)
  asks.textContent = conversation.prompt
  asks.hidden = conversation.prompt === ''
  there('released', HTMLElement).textContent = released
  const withheld = there('withheld', HTMLElement)
  withheld.hidden = cut === null
  if (cut) {
    withheld.textContent =
      cut.reason === 'prompt' ? 'The question was blocked: no reply.' : 'The rest of this reply was withheld.'
  }
  const all = Math.max(1, conversation.reply.length)
  there('shown-part', HTMLElement).style.setProperty('--part', String(released.length / all))
  there('waiting-part', HTMLElement).style.setProperty('--part', String(waiting / all))
  const text = outcomeText(released.length, waiting, cut)
  const outcome = there('outcome', HTMLElement)
  // A status that says the same again is not read again.
  if (outcome.textContent !== text) outcome.textContent = text
  there('brief', HTMLElement).textContent = conversation.judged.prompt ? text : ''
}

function outcomeText(released: number, waiting: number, cut: Cut | null): string {
  const all = conversation.reply.length
  if (cut?.reason === 'prompt') return 'Blocked before the first word.'
  if (cut) {
    const token = conversation.judged.steps.flatMap((step) => step.tokens)[cut.token ?? -1]
    const why = token
      ? `: token ${token.index}, ${token.risk}${token.category ? ` (${token.category})` : ''}`
      : ''
    return `Cut after ${released} of ${all} characters${why}.`
  }
  if (all === 0) return 'Waiting for a reply.'
  if (conversation.isSettled) return `All ${all} characters were shown.`
  return `${released} of ${all} characters shown${waiting > 0 ? `, ${waiting} held back` : ''}.`
}

/** What is played: the rest of a reply, and the timer of its next piece. */
let playing: { timer: number } | null = null

function play(): void {
  stopPlaying()
  const { prompt, reply } = SAMPLES[sampleChoice.selectedIndex] ?? {
    prompt: promptField.value,
    reply: replyField.value,
  }
  const text = isOwn() ? replyField.value : reply
  if (!isOwn()) promptField.value = prompt
  const speed = Number(there('speed', HTMLSelectElement).value)
  if (speed === 0) {
    replyField.value = text
    conversation.set(promptField.value, text, true)
    return
  }
  // Words with the space before them, as models write.
  const pieces = text.match(/\s*\S+|\s+$/g) ?? []
  let at = 0
  const next = () => {
    const piece = pieces[at++] ?? ''
    replyField.value += piece
    replyField.scrollTop = replyField.scrollHeight
    const over = at >= pieces.length
    conversation.set(promptField.value, replyField.value, over)
    if (over) stopPlaying()
    else playing = { timer: setTimeout(next, 1000 / speed) }
  }
  replyField.value = ''
  conversation.set(promptField.value, '', false)
  playing = { timer: setTimeout(next, 350) }
  playButton.textContent = 'Stop'
}

function stopPlaying(): void {
  if (playing) clearTimeout(playing.timer)
  playing = null
  playButton.textContent = 'Play as a stream'
}

const isOwn = () => sampleChoice.value === 'own'

function typed(): void {
  stopPlaying()
  sampleChoice.value = 'own'
  conversation.set(promptField.value, replyField.value, false)
}

function listen(): void {
  promptField.addEventListener('input', typed)
  replyField.addEventListener('input', typed)
  playButton.addEventListener('click', () => {
    if (playing) {
      stopPlaying()
      conversation.set(promptField.value, replyField.value, true)
    } else play()
  })
  sampleChoice.append(
    ...SAMPLES.map(({ name }, i) => element('option', { value: i }, name)),
    element('option', { value: 'own' }, 'What stands here'),
  )
  sampleChoice.addEventListener('change', () => {
    if (!isOwn()) play()
  })
  there('clear', HTMLButtonElement).addEventListener('click', () => {
    promptField.value = replyField.value = ''
    typed()
    promptField.focus()
  })
  const theme = there('theme', HTMLButtonElement)
  const dark = () => {
    const chosen = document.documentElement.dataset.theme
    return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  }
  const named = () => {
    theme.textContent = dark() ? 'Light' : 'Dark'
    theme.setAttribute('aria-label', `${dark() ? 'Light' : 'Dark'} colours`)
  }
  theme.addEventListener('click', () => {
    document.documentElement.dataset.theme = dark() ? 'light' : 'dark'
    named()
  })
  named()
  there('key-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    server.useKey(there('key', HTMLInputElement).value)
    void connect()
  })
}

function say(state: 'connecting' | 'connected' | 'lost', text: string): void {
  there('state-mark', HTMLElement).dataset.state = state
  there('state', HTMLElement).textContent = text
}

let connecting = false

/** Connects, again and again until somebody answers; then all that stands in the fields is judged. */
async function connect(): Promise<void> {
  if (connecting) return
  connecting = true
  const keyForm = there('key-form', HTMLFormElement)
  for (let wait = 500; ; wait = Math.min(LONGEST_WAIT_MS, 2 * wait)) {
    try {
      await server.connect()
      break
    } catch (error) {
      const fault =
        error instanceof ServerError ? error.fault : { kind: 'lost' as const, message: String(error) }
      if (fault.kind === 'key') {
        there('key-said', HTMLElement).textContent = keyForm.hidden ? '' : 'That is none of its keys.'
        keyForm.hidden = false
        say('lost', 'A key is wanted')
        there('key', HTMLInputElement).focus()
        connecting = false
        return
      }
      say('lost', `${fault.message}. Trying again…`)
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }
  connecting = false
  keyForm.hidden = true
  const { gen, stream } = server.setup
  say('connected', 'Connected')
  there('models', HTMLElement).textContent = [stream && `Stream ${stream}`, gen && `Gen ${gen}`]
    .filter(Boolean)
    .join(' · ')
  there('demonstration', HTMLElement).hidden = ![gen, stream].some(
    (name) => name !== null && /^demo/.test(name),
  )
  if (conversation.prompt === '' && promptField.value === '') play()
  else if (!playing) conversation.restart()
}

listen()
draw()
void connect()

// A session that breaks off is the first sign that the server is gone.
setInterval(() => {
  const kind = conversation.fault?.kind
  if (kind === 'lost' || kind === 'key') void connect()
}, 250)
