/** Names and texts of the members of a JSON object, as they are spelled; `text` is a sound one. */
export function* membersOf(text: string): Generator<{ name: string; text: string }, void, undefined> {
  let depth = 0
  let start = 0
  let name: string | null = null
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === '"') {
      const end = stringEnd(text, at)
      if (depth === 1) name ??= JSON.parse(text.slice(at, end)) as string
      at = end - 1
    } else if (character === '{' || character === '[') {
      depth += 1
      if (depth === 1) start = at + 1
    } else if (character === '}' || character === ']' || (character === ',' && depth === 1)) {
      if (depth === 1 && name !== null) yield { name, text: text.slice(start, at).trim() }
      if (character === ',') {
        start = at + 1
        name = null
      } else {
        depth -= 1
      }
    }
  }
}

/** Where the string literal that begins at `at` ends. */
function stringEnd(text: string, at: number): number {
  let end = at + 1
  while (text.charAt(end) !== '"') end += text.charAt(end) === '\\' ? 2 : 1
  return end + 1
}
