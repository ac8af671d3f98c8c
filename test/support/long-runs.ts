// Texts of one pre-token that is taken in parts: nothing in them ends it.
import { PART } from '../../lib/tokenizer/long-words.js'
import { seeded } from './texts.js'

const random = seeded(31)
const UNITS = 2 * PART + 1000

/** Pieces in no order. */
export function run(pieces: readonly string[], units = UNITS): string {
  let text = ''
  while (text.length < units) text += pieces[Math.floor(random() * pieces.length)]
  return text
}

export const LONG_RUNS: [name: string, text: string][] = [
  ['letters', run(['the', 'ing', 'er', 'x', 'QQ', 'ation', 'ß', 'é', 'z'])],
  ['Han', run(['漢', '字', '的', '是', '不', '\u{20000}', '龘'])],
  ['symbols and line ends', `${run(['!', '=', '//', '😀', '\uFDD0', '\u200D', '```', '\0', '—'])}\r\n\n`],
  ['line ends', run(['\n', '\r\n', '\n\n\n'])],
  ['spaces and line ends', run([' ', '\n', '\t', '\r\n', '        '])],
  ['line ends far apart', `\n${' '.repeat(UNITS)}\n`],
]
