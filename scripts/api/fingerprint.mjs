// The public types and their docstrings, as one hash: by it a reference that was made of others is known to be stale.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Declarations in dist that the package's entry points lead to, relative to the package, sorted. */
export function publicDeclarations() {
  const { exports } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  const waiting = Object.values(exports).flatMap((entry) =>
    entry.types ? [path.join(ROOT, entry.types)] : [],
  )
  const found = new Set()
  while (waiting.length > 0) {
    const file = waiting.pop()
    if (found.has(file)) continue
    if (!existsSync(file)) throw new Error(`${file} is missing: run \`npm run build:ts\` first`)
    found.add(file)
    for (const [, target] of readFileSync(file, 'utf8').matchAll(/\bfrom '(\.[^']+)\.js'/g)) {
      waiting.push(path.join(path.dirname(file), `${target}.d.ts`))
    }
  }
  return [...found].map((file) => path.relative(ROOT, file).replaceAll('\\', '/')).sort()
}

export function fingerprint() {
  const hash = createHash('sha256')
  for (const file of publicDeclarations()) {
    hash.update(`${file}\n${readFileSync(path.join(ROOT, file), 'utf8').replaceAll('\r\n', '\n')}`)
  }
  return hash.digest('hex')
}
