import path from 'node:path'
import { nearestOf } from '../options.js'
import { catalog, catalogName } from './catalog.js'
import { installedModels } from './installed.js'

const DEMONSTRATIONS = ['demo', 'demo-gen', 'demo-stream']

/** The catalog's name that is most like `name`, or null if none is; of two variants, `first` goes before. */
export function nearestName(name: string, first: 'gen' | 'stream' = 'gen'): string | null {
  const known = catalogName(name)
  if (known) return known.entry.name
  const entries = [...catalog()].sort((a, b) => Number(b.variant === first) - Number(a.variant === first))
  // People leave the beginning out.
  const names = new Map(
    entries.flatMap((entry) => [
      [entry.name, entry.name],
      [entry.name.replace('qwen3guard-', ''), entry.name],
    ]),
  )
  const nearest = nearestOf(name, [...names.keys()])
  return nearest === undefined ? null : (names.get(nearest) as string)
}

/**
 * What the name of a model that is not here may have meant, with the command that gets it; null if it is like none.
 *
 * @param variant whose guard was to load it
 */
export function nearestModel(name: string, variant: 'gen' | 'stream'): string | null {
  const stem = path.basename(name).replace(/\.gguf$/i, '')
  // Of demo-strem demo is the beginning, and demo-stream what was meant.
  const demonstrations = stem.length > 'demo'.length + 1 ? DEMONSTRATIONS.slice(1) : DEMONSTRATIONS
  const here = nearestOf(stem, [...demonstrations, ...installedModels().map((model) => model.name)])
  if (here !== undefined) return `Did you mean the model '${here}', which is here?`
  const pulled = nearestName(stem, variant)
  if (pulled === null) return null
  return `Did you mean the model '${pulled}'? \`npx qwen3guard pull ${pulled}\` gets it, and its name is then \`model\``
}
