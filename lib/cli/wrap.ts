import { stripVTControlCharacters } from 'node:util'

/** Columns below which nothing is wrapped: there would be a word a line. */
const NARROWEST = 30

/** Columns of the terminal that stdout is, or that COLUMNS names; undefined where lines may be as long as they are. */
export function terminalWidth(): number | undefined {
  const columns = process.stdout.isTTY ? process.stdout.columns : Number(process.env.COLUMNS)
  return Number.isInteger(columns) && columns >= NARROWEST ? columns : undefined
}

/**
 * A message in lines of at most `width` columns where words allow it; lines after the first are indented by two more than it. A
 * command or a name in backticks is not cut.
 */
export function wrapMessage(text: string, width: number | undefined): string {
  if (width === undefined || width < NARROWEST || text.length <= width) return text
  const indent = (/^ */.exec(text)?.[0].length ?? 0) + 2
  // What must stay together is one word until the lines are made.
  const whole = text.replace(/`[^`\n]+`/g, (quoted) => quoted.replaceAll(' ', '\uffff'))
  return wrapLine(whole, width, indent).replaceAll('\uffff', ' ')
}

/** `text` in lines of at most `width` columns where words allow it; lines after the first begin with `indent` spaces. */
export function wrapLine(text: string, width: number, indent = 0): string {
  const lines: string[] = []
  let line = /^ */.exec(text)?.[0] ?? ''
  let begun = false
  for (const word of text.trim().split(/ +/)) {
    if (begun && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ' '.repeat(indent)
      begun = false
    }
    line += begun ? ` ${word}` : word
    begun = true
  }
  return [...lines, line].join('\n')
}

/**
 * A line about a verdict in lines of at most `width` columns where words allow it, cut between its parts (two spaces) rather
 * than within one; lines after the first begin with `indent` spaces. Colours take no columns.
 */
export function wrapVerdict(line: string, indent: number, width = terminalWidth()): string {
  if (width === undefined || columnsOf(line) <= width) return line
  const label = line.slice(0, indent)
  const lines: string[] = []
  let open = label
  for (const part of line.slice(indent).split(/ {2,}/)) {
    const gap = columnsOf(open) > indent ? '  ' : ''
    if (columnsOf(open) + gap.length + columnsOf(part) <= width) {
      open += gap + part
      continue
    }
    if (gap !== '') {
      lines.push(open)
      open = ' '.repeat(indent)
    }
    // Of a part that is longer than a line, word by word.
    for (const [at, word] of part.split(' ').entries()) {
      const space = at === 0 ? '' : ' '
      if (at > 0 && columnsOf(open) + 1 + columnsOf(word) > width) {
        lines.push(open)
        open = ' '.repeat(indent) + word
      } else open += space + word
    }
  }
  return [...lines, open].join('\n')
}

const columnsOf = (text: string) => stripVTControlCharacters(text).length

/** A command on several lines, as a shell takes it; a text in quotes is not cut, nor a flag from its value. */
function wrapCommand(line: string, width: number): string {
  if (line.length <= width) return line
  const words = line.trim().match(/(?:--[\w-]+ (?!-))?(?:"[^"]*"|'[^']*'|[^ "'])+/g) ?? []
  const lines: string[] = []
  let open = `  ${words[0]}`
  for (const [at, word] of words.slice(1).entries()) {
    // Room for the mark that the line goes on.
    const least = at === words.length - 2 ? 0 : 2
    if (open.length + 1 + word.length + least > width) {
      lines.push(`${open} \\`)
      open = `      ${word}`
    } else open += ` ${word}`
  }
  return [...lines, open].join('\n')
}

/** Help in lines of at most `width` columns: prose and example commands; what else is indented (tables) stays as it is. */
export function wrapHelp(text: string, width: number): string {
  const paragraphs: string[] = []
  let open = false
  for (const line of text.split('\n')) {
    const prose = /^\S/.test(line)
    if (prose && open) paragraphs[paragraphs.length - 1] += ` ${line}`
    else paragraphs.push(line)
    open = prose
  }
  return paragraphs
    .map((paragraph) => {
      if (/^\S/.test(paragraph)) return wrapLine(paragraph, width)
      return /^ +\$ /.test(paragraph) ? wrapCommand(paragraph, width) : paragraph
    })
    .join('\n')
}
