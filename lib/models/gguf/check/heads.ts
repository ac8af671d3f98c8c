import { KEYS, scalarAt } from '../metadata.js'
import type { HeadSizes } from '../qwen3-tensors.js'
import type { GgufFile } from '../reader.js'
import type { Report } from './keys.js'
import { type LabelKind, wrongLabels } from './labels.js'

/**
 * Checks the labels of Stream's heads.
 *
 * @returns the heads' sizes, null for a model without heads, undefined if the labels are not sound
 */
export function checkHeads(file: GgufFile, report: Report): HeadSizes | null | undefined {
  const variant = scalarAt(file, KEYS.variant, 'string')
  const keys = [KEYS.labels.response, KEYS.labels.query].flatMap((group) => [group.risk, group.category])
  if (variant !== 'stream') {
    // llama.cpp's patch takes a file with labels for a Stream model.
    const stray = keys.filter((key) => file.metadata.has(key))
    for (const key of stray)
      report(`metadata key ${key} is there, expected only where ${KEYS.variant} is "stream"`)
    return stray.length > 0 ? undefined : null
  }
  let sound = true
  const count = (key: string, kind: LabelKind): number => {
    const problem = brokenLabels(file, key, kind)
    if (problem) {
      sound = false
      report(`metadata key ${key} ${problem}`)
      return 0
    }
    const value = file.metadata.get(key)
    return value?.type === 'array' ? value.count : 0
  }
  const group = (name: 'response' | 'query') => ({
    risk: count(KEYS.labels[name].risk, 'risk'),
    category: count(KEYS.labels[name].category, `${name}Category`),
  })
  const response = group('response')
  const query = group('query')
  const inner = scalarAt(file, KEYS.headSize, 'uint32')
  if (inner === null) {
    report(`metadata key ${KEYS.headSize} is missing, expected the inner width of the heads as uint32`)
    return undefined
  }
  return sound ? { inner, response, query } : undefined
}

function brokenLabels(file: GgufFile, key: string, kind: LabelKind): string | null {
  const value = file.metadata.get(key)
  if (value === undefined) return 'is missing, expected the labels of a head'
  if (value.type !== 'array' || value.of !== 'string')
    return 'is not an array of strings, expected the labels of a head'
  if (!value.values) return `has ${value.count} labels, expected at most nine`
  return wrongLabels(value.values.map(String), kind)
}
