// What is judged, and the texts' tokens as a stream pushes them.
import { readFileSync } from 'node:fs'
import { CONVERSATIONS, PROMPTS, SHORT } from '../../bench/gen/texts.mjs'

const REPLIES = CONVERSATIONS.map(([, reply]) => reply.content)

/** As long as Gen's official template, whose policy text every check begins with. */
export const genTemplate = () =>
  readFileSync(new URL('../../test/fixtures/rendered/gen_template.jinja', import.meta.url), 'utf8')

/** A prompt and a reply to it, or to another: `count` of 36 different pairs. */
export const pairs = (count) =>
  PROMPTS.flatMap((prompt, i) =>
    REPLIES.map((_, j) => ({ prompt, reply: REPLIES[(i + j) % REPLIES.length] })),
  ).slice(0, count)

/** `count` of 24 inputs for Gen: prompts, then conversations, then short prompts. */
export const inputs = (count) => [...PROMPTS, ...CONVERSATIONS, ...SHORT].slice(0, count)

/** Words with the space before them: deltas as a model writes them. */
export const deltas = (text) => text.match(/\s*\S+/g)

/** Ids of words that are one token each in the demonstration models' vocabulary. */
export async function oneTokenWords(guard) {
  const moderation = await guard.open(PROMPTS[0])
  const tokens = [...(await moderation.push(REPLIES.join(' '))), ...(await moderation.end()).rest]
  await moderation.close()
  const whole = ({ text }, i) => /^ \w+$/.test(text) && /^[^\w]/.test(tokens[i + 1]?.text ?? '')
  return tokens.filter(whole).map(({ id }) => id)
}
