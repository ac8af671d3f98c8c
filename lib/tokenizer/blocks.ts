// Searching in long texts: V8 looks for one character of two bytes by one of them, and for some texts that takes a hundred
// milliseconds for ten megabytes. So texts are searched block by block.
import { nextTurn, type Steps, turnIsOver } from '../event-loop.js'
import { wholeCharacters } from './normalise.js'

/** UTF-16 units that are searched at once. */
export const BLOCK = 16_384

/** `text` without `character`, in turns. */
export function* without(text: string, character: string): Steps<string> {
  if (text.length <= BLOCK) return text.replaceAll(character, '')
  let rest = ''
  for (let at = 0; at < text.length; at += BLOCK) {
    rest += text.slice(at, at + BLOCK).replaceAll(character, '')
    if (turnIsOver()) yield nextTurn()
  }
  return rest
}

/**
 * Calls `found` with every match of `pattern`, which is global and matches neither nothing nor more than `longest` units, and
 * its index in `text`: in turns.
 */
export function* eachMatch(
  text: string,
  pattern: RegExp,
  longest: number,
  found: (match: string, index: number) => void,
): Steps<void> {
  for (let at = 0; at < text.length; ) {
    const end = wholeCharacters(text, Math.min(text.length, at + BLOCK))
    const view = text.slice(at, wholeCharacters(text, Math.min(text.length, end + longest)))
    let next = end
    for (const { 0: match, index } of view.matchAll(pattern)) {
      if (at + index >= end) break
      found(match, at + index)
      next = Math.max(end, at + index + match.length)
    }
    at = next
    if (at < text.length && turnIsOver()) yield nextTurn()
  }
}
