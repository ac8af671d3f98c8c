// Texts that Unicode's newer versions normalise otherwise than Qwen's tokenizer may: every mark among others, and every
// character that is composed. With what the running Node makes of each, for make_normaliser.py.
const probes = []
for (let code = 0x300; code < 0x110000; code++) {
  if ((code >= 0xd800 && code < 0xe000) || (code >= 0xac00 && code < 0xd7a4)) continue
  const one = String.fromCodePoint(code)
  const parts = one.normalize('NFD')
  const texts = parts === one ? [] : [parts, `a${parts}\u0323`, `${one}\u0323`]
  if (/\p{M}/u.test(one))
    texts.push(`a${one}\u0323`, `a\u0301${one}\u0323b`, `a\u05b0${one}`, `か${one}\u3099${one}${one}\u0f71`)
  for (const text of texts) probes.push([text, text.normalize('NFC')])
}
process.stdout.write(JSON.stringify(probes))
