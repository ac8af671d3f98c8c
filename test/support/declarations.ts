import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

interface Fingerprint {
  publicDeclarations(): string[]
  fingerprint(): string
}

/** What `npm run docs:api` knows of the public types. */
export async function publicTypes(): Promise<Fingerprint> {
  return (await import(new URL('../../scripts/api/fingerprint.mjs', import.meta.url).href)) as Fingerprint
}

/** The text of a declaration file, without comments. */
export function declarations(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8').replaceAll(/\/\*.*?\*\//gs, '')
}

/** The interfaces that a declaration file exports, with the names of their own members. */
export function interfaces(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const match of text.matchAll(/^export (?:declare )?interface (\w+)[^{]*\{/gm)) {
    const begin = match.index + match[0].length
    let depth = 1
    let flat = ''
    // Members of members, and parameters, are not the interface's own.
    for (let at = begin; depth > 0 && at < text.length; at++) {
      const sign = text[at] as string
      if ('{(['.includes(sign)) depth += 1
      if (depth === 1) flat += sign
      if ('})]'.includes(sign)) depth -= 1
    }
    found.set(
      match[1] as string,
      [...flat.matchAll(/^\s*(?:readonly )?(\w+)\??[:;]?/gm)].map(([, name]) => name as string),
    )
  }
  return found
}

/** The texts of a union of literals. */
export function literals(text: string, name: string): string[] {
  const [, union] = new RegExp(`^export (?:declare )?type ${name} =([^;]+);`, 'm').exec(text) ?? []
  return [...(union ?? '').matchAll(/'([^']+)'/g)].map(([, literal]) => literal as string)
}
