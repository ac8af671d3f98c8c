import { printable } from './printable.js'
import { wrapMessage } from './wrap.js'

/** Columns of the terminal that stderr is; undefined elsewhere, where a message is one line. */
function stderrWidth(): number | undefined {
  return process.stderr.isTTY ? process.stderr.columns : undefined
}

/** Writes lines for people to stderr, wrapped to its terminal, with nothing in them that would control it. */
export function say(...lines: string[]): void {
  const width = stderrWidth()
  process.stderr.write(lines.map((line) => `${wrapMessage(printable(line), width)}\n`).join(''))
}
