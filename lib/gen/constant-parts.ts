import type { Rendered } from '../tokenizer/chat-template.js'
import type { TemplateIds, Tokenizer } from '../tokenizer/tokenizer.js'

/** Text that every prompt of a mode begins or ends with, and its ids, which are the same whatever stands beside it. */
interface Part {
  text: string
  ids: Int32Array
}

/** What a template writes around conversations. */
export interface ConstantParts {
  head: Part
  tail: Part
}

/**
 * What two prompts have in common at both ends, cut where no other text beside it could change its ids: between a line end and
 * what is neither white space nor beyond ASCII. No pre-token goes on over a line end with anything else, nothing that follows
 * reaches back there, and normalisation joins nothing to ASCII. Null where there is no such place.
 */
export async function constantParts(
  tokenizer: Tokenizer,
  first: Rendered,
  second: Rendered,
): Promise<ConstantParts | null> {
  // An added token could lie across the cut.
  if (tokenizer.spellings.some((spelling) => /[\r\n]/.test(spelling))) return null
  const [a, b] = [first.text, second.text]
  const most = Math.min(a.length, b.length)
  let common = 0
  while (common < most && a[common] === b[common]) common++
  let same = 0
  while (same < most - common && a.at(-1 - same) === b.at(-1 - same)) same++
  const begin = a.slice(0, common)
  const end = a.slice(a.length - same)
  const headLength = begin.match(/[\s\S]*\n(?=[!-~])/)?.[0].length ?? 0
  const tailLength = end.length - (/\n(?=[!-~])/.exec(end)?.index ?? end.length - 1) - 1
  if (headLength === 0 || tailLength === 0) return null
  const part = async (text: string): Promise<Part> => {
    const { ids } = await tokenizer.encodeRendered({ text, shield: first.shield })
    return { text, ids }
  }
  return { head: await part(begin.slice(0, headLength)), tail: await part(end.slice(-tailLength)) }
}

/** What is left of a prompt between its constant parts; null if it has not got them. */
export function between({ text, shield }: Rendered, { head, tail }: ConstantParts): Rendered | null {
  const end = text.length - tail.text.length
  const whole = end > head.text.length && text.startsWith(head.text) && text.endsWith(tail.text)
  if (!whole || text[end - 1] !== '\n' || !/^[!-~]/.test(text[head.text.length] as string)) return null
  return { text: text.slice(head.text.length, end), shield }
}

/** Ids of a whole prompt. */
export function joined({ head, tail }: ConstantParts, { ids }: TemplateIds): Int32Array {
  const all = new Int32Array(head.ids.length + ids.length + tail.ids.length)
  all.set(head.ids)
  all.set(ids, head.ids.length)
  all.set(tail.ids, head.ids.length + ids.length)
  return all
}
