// Qwen's tokenizer normalises by Unicode 9's tables, Node by its own. These are the characters of Unicode 10 to 17 that the
// two treat otherwise: marks that Node puts in order, and parts of characters that it composes. To Unicode 9 they are
// characters that nothing passes and nothing joins (scripts/golden/normaliser_probes.mjs finds them).

const RANGES =
  '7FD 897-89F 8CA-8D3 9FE C3C D3B-D3C EBA 1715 1ABF-1ADD 1AE0-1AEB 1DF6-1DFA A82C 105D2 105DA 10D24-10D27 10D69-10D6D ' +
  '10EAB-10EAC 10EFA-10EFB 10EFD-10EFF 10F46-10F50 10F82-10F85 11070 1133B 11382 11384 1138B 11390 113B8 113BB 113C2 113C9 ' +
  '113CE-113D0 1145E 11839-1183A 11930 11935 1193D-1193E 11943 119E0 11A34 11A47 11A99 11D42 11D44-11D45 11D97 11F41-11F42 ' +
  '1611E-16120 16129 1612F 16D63 16D67 16FF0-16FF1 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E5EE-1E5EF 1E6E3 1E6E6 ' +
  '1E6EE-1E6EF 1E6F5'

const CLASS = RANGES.split(' ')
  .map((range) =>
    range
      .split('-')
      .map((code) => `\\u{${code}}`)
      .join('-'),
  )
  .join('')
const NEWER = new RegExp(`([${CLASS}])`, 'u')

/** NFC by the tables of Unicode 9. */
export function normaliseAsQwen(text: string): string {
  if (!NEWER.test(text)) return text.normalize('NFC')
  // Every other part is one of the characters.
  return text
    .split(NEWER)
    .map((part, at) => (at % 2 === 1 ? part : part.normalize('NFC')))
    .join('')
}
