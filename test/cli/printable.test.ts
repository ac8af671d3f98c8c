import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { table } from '../../lib/cli/display.js'
import { printable } from '../../lib/cli/printable.js'
import { cli, jsonLines } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const KINDS: [kind: string, text: string, shown: string][] = [
  ['an ASCII control', 'a\x1b[2J\rb\x00', 'a␛[2J␍b␀'],
  ['a delete', 'a\x7f', 'a␡'],
  ['a C1 control', 'a\x9b2Jb\x85', 'a<U+009B>2Jb<U+0085>'],
  ['a tag character', 'a\u{e0001}\u{e0068}\u{e0069}\u{e007f}', 'a<U+E0001><U+E0068><U+E0069><U+E007F>'],
  [
    'a tag sequence that is no flag',
    '\u{1f3f4}\u{e0068}\u{e0069}\u{e007f}',
    '\u{1f3f4}<U+E0068><U+E0069><U+E007F>',
  ],
  ['a bidirectional override', 'a\u202eb\u202c', 'a<U+202E>b<U+202C>'],
  ['a bidirectional isolate', '\u2066a\u2069', '<U+2066>a<U+2069>'],
  ['a bidirectional mark', '\u200ea\u200f\u061c', '<U+200E>a<U+200F><U+061C>'],
  ['a zero-width space', 'bo\u200bmb', 'bo<U+200B>mb'],
  ['a joiner and a non-joiner between letters', 'a\u200db\u200cc', 'a<U+200D>b<U+200C>c'],
  ['a word joiner and an invisible operator', '\u2060\u2063', '<U+2060><U+2063>'],
  ['a byte order mark within', 'a\ufeffb', 'a<U+FEFF>b'],
  ['a soft hyphen', 'a\u00adb', 'a<U+00AD>b'],
  ['a combining grapheme joiner', 'a\u034fb', 'a<U+034F>b'],
  ['variation selectors that carry bytes', 'a\ufe01\u{e0101}', 'a<U+FE01><U+E0101>'],
  ['variation selectors behind an emoji', '😀\u{e0148}\u{e0155}', '😀<U+E0148><U+E0155>'],
  ['a filler', '\u3164\u115f\uffa0', '<U+3164><U+115F><U+FFA0>'],
  ['a blank pattern', 'a\u2800b', 'a<U+2800>b'],
  ['an annotation', '\ufff9a\ufffb', '<U+FFF9>a<U+FFFB>'],
  ['a line and a paragraph separator', 'a\u2028b\u2029', 'a<U+2028>b<U+2029>'],
]

describe('printable', () => {
  it.each(KINDS)('shows %s', (_kind, text, shown) => {
    expect(printable(text)).toBe(shown)
    expect(printable(shown)).toBe(shown)
  })

  it.each([
    'plain text\n\twith a tab',
    'Él sueña: 海は静かだ。 مرحبا नमस्ते',
    '👩‍🚀 ❤️ 1️⃣ 👍🏽 🇪🇸',
    '\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
  ])('leaves %j as it is', (text) => {
    expect(printable(text)).toBe(text)
  })

  it('holds for tables', () => {
    expect(table([['a\u202eb', 'c\u{e0041}']], undefined)).toBe('a<U+202E>b  c<U+E0041>')
  })
})

describe('a judged text with what nobody sees', () => {
  const HIDDEN = 'The sea\u200b is \u202ecalm\u202c.\u{e0068}\u{e0069}'
  const UNSEEN = /[\u200b\u202e\u202c]|\u{e0068}|\u{e0069}/u

  it.each(['check', 'stream'])('%s shows it, and --json has it as it is', async (command) => {
    const args =
      command === 'check'
        ? ['check', '--model', 'demo-stream', '--prompt', 'Hi', '--response', HIDDEN]
        : ['stream', '--prompt', 'Hi']
    const input = command === 'check' ? '' : HIDDEN
    const { stdout } = await cli(args, input)
    expect(stdout).toContain('<U+200B>')
    expect(stdout).toContain('<U+202E>')
    expect(stdout).toContain('<U+E0068>')
    expect(stdout).not.toMatch(UNSEEN)
    const tokens = jsonLines((await cli([...args, '--json'], input)).stdout).flatMap((line) => {
      const { tokens, type, verdict } = line as {
        tokens?: { text: string }[]
        type?: string
        verdict?: { text: string }
      }
      return tokens ?? (type === 'token' && verdict ? [verdict] : [])
    })
    expect(tokens.map(({ text }) => text).join('')).toBe(HIDDEN)
  })

  it('is shown in messages too', async () => {
    const path = join(temporaryDirectory(), 'messages.json')
    writeFileSync(path, JSON.stringify([{ role: 'us\u202eer', content: 'Hi' }]))
    const { code, stderr } = await cli(['check', '--messages', path])
    expect(code).toBe(1)
    expect(stderr).not.toContain('\u202e')
  })
})
