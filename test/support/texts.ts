// Texts of many kinds, the same in every run.

/** A seeded generator of numbers in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Written sentences: scripts, emoji, code, odd spacing. */
export const SENTENCES: readonly string[] = [
  'Here are some practical methods to build a bird house.',
  "I'm sure they'll say it's what WE'VE done; don't you'd? He'LL. O'Reilly's 'tis",
  'Wie kann ich ein Fahrrad reparieren? Größe, Straße, naïve façade, Ærøskøbing.',
  'Le cœur a ses raisons que la raison ne connaît point… « Pascal »',
  '¿Cómo está usted? ¡Muy bien! El pingüino niño.',
  'Привет, как дела? Съешь же ещё этих мягких французских булок.',
  'Καλημέρα κόσμε· ἀρχῇ ἦν ὁ λόγος',
  'שלום עולם, בְּרֵאשִׁית בָּרָא אֱלֹהִים',
  'مرحبا بالعالم، كيف حالك؟ بِسْمِ ٱللَّهِ ١٢٣',
  'नमस्ते दुनिया, क़ानून ज़रूरी है। १२३',
  'বাংলা ভাষা, ড়াঢ় য়',
  'வணக்கம் உலகம் கொ கோ',
  'తెలుగు భాష, ಕನ್ನಡ ಭಾಷೆ ಕೊ, മലയാളം',
  'ภาษาไทยไม่มีช่องว่างระหว่างคำ น้ำ',
  'ພາສາລາວ, ខ្មែរ, မြန်မာဘာသာ, བོད་སྐད།',
  '你好，世界！今天天气怎么样？我们去公园散步吧。',
  '今日はいい天気ですね。がぎぐげご パピプペポ ㌔ ｶﾞ',
  '안녕하세요 세계! 한국어 텍스트입니다.',
  '한국어 자모',
  'ქართული ენა, Հայերեն լեզու, አማርኛ, ᏣᎳᎩ',
  '👋🏽 hello 👨‍👩‍👧‍👦 family 🏳️‍🌈 🇩🇪🇫🇷 ❤️‍🔥 ☺️ 1️⃣2️⃣ 🫱🏻‍🫲🏿',
  'de\u0301compose\u0301 A\u030A o\u0308 n\u0303 q\u0323\u0307 s\u0307\u0323 \u212B \u2126 \u1E9B\u0323',
  'x =\u0338 y <\u0338 z >\u0338 w \u2ADC \u0344 \u0958',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code as text
  'const f = (x: number): string => { return `${x}\\n` } // ok\r\n\tif (a<b && c>>2) {}\n',
  'def f(x):\n    if x > 0:\n        return x ** 2  # square\n\n\n    return None\n',
  '<div class="a-b">&nbsp;</div>\n<!-- c --> {{ jinja }} {% if x %}',
  "SELECT * FROM t WHERE a = 'b' AND c <> 1.5e-10; -- 12345678 1,234.56 $9.99 50%",
  '  leading,   inner    and trailing   ',
  '\n\n\nlines\r\n\r\nand\ttabs\t\tand \n mixed \n\n \n',
  'a\u00A0b\u2003c\u3000d\u2028e\u2029f\u0085g\u200Bh\uFEFFi\u202Fj\u1680k\u180El',
  '...!!!???\n\n---===***___ ~~~ ``` ``` §¶†‡ ©®™ €£¥ ½¼ ² ³ ⅷ Ⅻ ① ٣',
  'http://example.com/path?a=1&b=2#frag user.name+tag@example.org C:\\dir\\file.txt',
  '𝕳𝖊𝖑𝖑𝖔 𝒲𝑜𝓇𝓁𝒹 𐍈𐌰𐍂 𓀀𓁐 𠜎𠜱 \u{1D15F} 𝟘𝟙',
  "'s 't 're 've 'm 'll 'd 'S 'RE 'lL 'x 'r 'v ' '' 's's",
  'hello\u0000world \u0001\u0002 \u001C\u001D \u007F \u0080\u009F',
  'Zalgo: h\u0317\u0341\u0322e\u0334\u0315l\u0359\u034Al\u0327\u033Fo\u0489',
  '{"json": [1, 2.5, true, null], "s": "\\u00e9\\n"}',
  '# Title\n\n- item **bold** _it_\n  1. one\n> quote\n\n| a | b |\n|---|---|\n',
  'E = mc², ∑_{i=0}^{∞} x_i ≤ ∫f(x)dx ≠ ∅ ∀x∈ℝ → ⇒ ⟨ψ|φ⟩',
]

/** First and last code points from which random texts are drawn. */
const BLOCKS: readonly (readonly [number, number])[] = [
  [0x20, 0x7e],
  [0x20, 0x7e],
  [0x61, 0x7a],
  [0x09, 0x0d],
  [0x80, 0xff],
  [0x100, 0x24f],
  [0x250, 0x2af],
  [0x2b0, 0x36f],
  [0x300, 0x345],
  [0x370, 0x3ff],
  [0x400, 0x52f],
  [0x530, 0x58f],
  [0x590, 0x5ff],
  [0x600, 0x6ff],
  [0x900, 0x97f],
  [0x980, 0x9ff],
  [0xb80, 0xbff],
  [0xc00, 0xcff],
  [0xd00, 0xd7f],
  [0xe00, 0xeff],
  [0xf00, 0xfff],
  [0x1000, 0x109f],
  [0x10a0, 0x10ff],
  [0x1100, 0x11ff],
  [0x1200, 0x137f],
  [0x1780, 0x17ff],
  [0x1e00, 0x1eff],
  [0x1f00, 0x1fff],
  [0x2000, 0x206f],
  [0x20a0, 0x20ff],
  [0x2100, 0x214f],
  [0x2190, 0x22ff],
  [0x2500, 0x27bf],
  [0x3000, 0x30ff],
  [0x3130, 0x318f],
  [0x4e00, 0x9fff],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfb00, 0xfdcf],
  [0xfe00, 0xfeff],
  [0xff00, 0xffef],
  [0x10330, 0x1034f],
  [0x11080, 0x110cf],
  [0x1d400, 0x1d7ff],
  [0x1f1e6, 0x1f1ff],
  [0x1f300, 0x1f64f],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x2a6df],
]

/** A text of up to `most` characters, drawn from a few blocks, with spaces and marks strewn in. */
export function randomText(random: () => number, most: number): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const blocks = [pick(BLOCKS), pick(BLOCKS), pick(BLOCKS)]
  let text = ''
  for (let left = 1 + Math.floor(random() * most); left > 0; left--) {
    const chance = random()
    if (chance < 0.12) text += pick([' ', ' ', '  ', '\n', '\r\n', '\n\n', '\t', ' \n ', '\u00a0', '\u3000'])
    else if (chance < 0.17)
      text += pick(['\u0301', '\u0308', '\u0323', '\u0338', '\u093c', '\u200d', '\ufe0f', '\u3099'])
    else if (chance < 0.2) text += pick(["'s", "'LL", "'re", '...', '--', '</', '<|', '|>', '12'])
    else {
      const [first, last] = pick(blocks)
      text += String.fromCodePoint(first + Math.floor(random() * (last - first + 1)))
    }
  }
  return text
}

/** `count` texts: the sentences, pairs of them, and random ones. */
export function manyTexts(count: number, seed = 1): string[] {
  const random = seeded(seed)
  const texts = [...SENTENCES]
  while (texts.length < count) {
    const sentence = (): string => SENTENCES[Math.floor(random() * SENTENCES.length)] as string
    if (random() < 0.25) {
      const first = sentence()
      texts.push(first.slice(Math.floor(random() * first.length)) + sentence())
    } else {
      texts.push(randomText(random, 40))
    }
  }
  // Cutting a sentence may have split a pair of surrogates; references differ in what they make of that.
  return texts.slice(0, count).map((text) => text.replace(/\p{Surrogate}/gu, '\uFFFD'))
}

/** The same text in pieces of random lengths, some of them empty. */
export function randomPieces(text: string, random: () => number): string[] {
  const pieces: string[] = []
  const mean = 1 + Math.floor(random() * 12)
  for (let at = 0; at < text.length; ) {
    const length = Math.floor(random() * 2 * mean)
    pieces.push(text.slice(at, at + length))
    at += length
  }
  return pieces
}
