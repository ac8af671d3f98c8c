// Runs the demonstration and draws its terminal output: `node scripts/demo-svg.mjs > docs/demo.svg`.
import { stripVTControlCharacters } from 'node:util'
import { demo } from './demo.mjs'

const CELL = { width: 8.4, height: 20 }
const MARGIN = 16
const COLOURS = { 31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', text: '#e6edf3', background: '#0d1117' }

let output = '$ npm run demo\n\n'
await demo({ isTTY: true, write: (text) => (output += text) })
process.stdout.write(svg(output.trimEnd().split('\n')))

function svg(lines) {
  const columns = Math.max(...lines.map((line) => stripVTControlCharacters(line).length))
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN)
  const height = lines.length * CELL.height + 2 * MARGIN
  const rows = lines.map((line, row) => {
    const y = MARGIN + (row + 0.75) * CELL.height
    return `<text x="${MARGIN}" y="${y}">${spans(line)}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<title>Terminal output of npm run demo</title>',
    `<rect width="100%" height="100%" rx="8" fill="${COLOURS.background}"/>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="${COLOURS.text}" xml:space="preserve">`,
    ...rows,
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

/** One tspan for each run of text between SGR sequences; their states are carried along the line. */
function spans(line) {
  const style = { fill: '', bold: false, dim: false, underlined: false }
  return line
    .split(/(\x1b\[\d+m)/)
    .map((part) => {
      const code = /^\x1b\[(\d+)m$/.exec(part)?.[1]
      if (code === undefined) return part === '' ? '' : `<tspan${attributes(style)}>${escaped(part)}</tspan>`
      if (code in COLOURS) style.fill = COLOURS[code]
      else if (code === '39') style.fill = ''
      else if (code === '1') style.bold = true
      else if (code === '2') style.dim = true
      else if (code === '22') style.bold = style.dim = false
      else if (code === '4' || code === '24') style.underlined = code === '4'
      else throw new Error(`expected a colour that the command line uses, got SGR ${code}`)
      return ''
    })
    .join('')
}

function attributes({ fill, bold, dim, underlined }) {
  return [
    fill && ` fill="${fill}"`,
    bold && ' font-weight="bold"',
    dim && ' opacity="0.6"',
    underlined && ' text-decoration="underline"',
  ]
    .filter(Boolean)
    .join('')
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
