/**
 * A whole emoji, whose joiners, variation selectors and (in three flags) tag characters are seen, or what a terminal does not
 * show: controls (but tabs and line ends), and all that Unicode says to ignore in display, which are tag characters, zero-width
 * characters, bidirectional controls, variation selectors, fillers and soft hyphens; besides, format characters, line and
 * paragraph separators and the blank Braille pattern. Made at run time: the language level of the source knows no `v`.
 */
const EMOJI_OR_UNSEEN = [
  String.raw`(\p{RGI_Emoji})`,
  String.raw`[[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800]--[\t\n]]`,
].join('|')

/** When it is needed, since it takes some milliseconds. */
let emojiOrUnseen: RegExp | undefined

/** Where there is nothing to do, which is nearly always. */
const PLAIN = /^[\t\n\x20-\x7e]*$/

/**
 * Text as it may be sent to a terminal: what would control it, reorder what is read or hide in it is shown. ASCII controls
 * become their pictures (`␛`), all else `<U+200B>`. What was judged keeps its characters: this is for people's eyes alone.
 */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text
  emojiOrUnseen ??= new RegExp(EMOJI_OR_UNSEEN, 'gv')
  return text.replace(emojiOrUnseen, (found: string, emoji: string | undefined) => {
    if (emoji !== undefined) return emoji
    const code = found.codePointAt(0) as number
    if (code < 0x20) return String.fromCharCode(0x2400 + code)
    return code === 0x7f ? '\u2421' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
  })
}
