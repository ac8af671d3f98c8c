import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from './input-error.js'
import { isPattern, matcher, partsOf } from './pattern.js'

/** Where rows come from. */
export interface Source {
  /** As it was given, or found by a pattern; `-` is stdin. */
  name: string
  /** Bytes of a regular file; null for stdin, pipes and devices, which can be read once only. */
  size: number | null
}

/**
 * Files as they are named; patterns with `*`, `**`, `?`, `[…]` and `{a,b}`, for shells that expand none, in the order
 * of their names.
 *
 * @throws InputError for a directory, a pattern that nothing matches, and stdin twice; the disk's error
 */
export async function findSources(names: readonly string[]): Promise<Source[]> {
  if (names.length === 0) throw new InputError('expected at least one file, or - for stdin')
  const sources: Source[] = []
  for (const name of names) {
    if (name === '-') {
      if (sources.some((source) => source.name === '-'))
        throw new InputError('stdin (-) can be read once only')
      sources.push({ name, size: null })
      continue
    }
    const found = await stat(name).catch((error: NodeJS.ErrnoException) => error)
    if (!(found instanceof Error)) {
      sources.push(sourceOf(name, found))
      continue
    }
    if (found.code !== 'ENOENT' || !isPattern(name)) throw found
    const matches = await matching(name)
    if (matches.length === 0) throw new InputError(`no file matches the pattern ${name}`)
    for (const match of matches) sources.push(sourceOf(match, await stat(match)))
  }
  return sources
}

function sourceOf(name: string, found: { size: number; isFile(): boolean; isDirectory(): boolean }): Source {
  if (found.isDirectory()) {
    throw new InputError(`${name} is a directory: name its files, such as ${join(name, '*.jsonl')}`)
  }
  return { name, size: found.isFile() ? found.size : null }
}

async function matching(pattern: string): Promise<string[]> {
  const { root, segments } = partsOf(pattern)
  const found = new Set<string>()
  await walk(root, segments, found)
  return [...found].sort()
}

/** A pattern may name what is not there. What cannot be read may hold rows: it ends the run. */
function passOver(error: NodeJS.ErrnoException): Dirent[] {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
  throw error
}

async function walk(base: string, segments: readonly string[], found: Set<string>): Promise<void> {
  const [segment, ...rest] = segments
  if (segment === undefined) return
  if (!isPattern(segment)) return await step(join(base, segment), rest, found)
  const entries = await readdir(base === '' ? '.' : base, { withFileTypes: true }).catch(passOver)
  if (segment === '**') {
    await walk(base, rest.length > 0 ? rest : ['*'], found)
    for (const entry of entries) {
      if (entry.isDirectory() && !entry.name.startsWith('.'))
        await walk(join(base, entry.name), segments, found)
    }
    return
  }
  const matches = matcher(segment)
  for (const { name } of entries) {
    if ((!name.startsWith('.') || segment.startsWith('.')) && matches.test(name))
      await step(join(base, name), rest, found)
  }
}

async function step(path: string, rest: readonly string[], found: Set<string>): Promise<void> {
  if (rest.length > 0) return await walk(path, rest, found)
  if (
    await stat(path).then(
      (entry) => !entry.isDirectory(),
      (error) => passOver(error).length > 0,
    )
  )
    found.add(path)
}
