import { ModelFileError } from '../errors.js'
import { ggufProblems, otherKind } from './check.js'
import type { HeadLabels } from './describe.js'
import { describeGguf } from './describe.js'
import type { GgufFile, GgufScalar, GgufValue } from './gguf.js'
import { scanGguf } from './gguf.js'

/** What `qwen3guard inspect` prints: a GGUF's header and what is wrong with the file. */
export interface Inspection {
  path: string
  sizeBytes: number
  version: number
  variant: 'gen' | 'stream' | null
  architecture: string
  name: string | null
  fileType: string
  parameters: number
  demonstration: boolean
  /** Scalars as they are; long strings and arrays abbreviated. 64-bit integers are decimal strings. */
  metadata: Record<string, InspectedValue>
  /** By type, the largest first. */
  tensors: { type: string; count: number; bytes: number }[]
  tensorCount: number
  labels: HeadLabels | null
  /** `guard`: whether the chat template asks for Qwen3Guard's `Safety:` and `Categories:` lines. */
  template: { present: boolean; guard: boolean; length: number }
  /** Why this package would refuse the file; empty for a sound one. */
  problems: string[]
}

type InspectedValue =
  | string
  | number
  | boolean
  | { array: string; count: number; first: (string | number | boolean)[] }

const LONGEST_STRING = 200
const FIRST_ELEMENTS = 9

/**
 * Reads a GGUF's header for people, without weights. A broken file is described as far as it can be
 * read; its defects are in `problems`.
 *
 * @throws ModelFileError if the file is missing, cannot be opened or is not a GGUF at all
 */
export async function inspectGguf(
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Inspection> {
  const { file, error } = await scanGguf(path, options)
  if (error && file.version === 0) throw error
  const description = describeGguf(file)
  const template = description.chatTemplate ?? ''
  return {
    path,
    sizeBytes: file.size,
    version: file.version,
    variant: description.variant,
    architecture: description.architecture,
    name: description.name,
    fileType: description.fileType,
    parameters: description.parameters,
    demonstration: description.demonstration,
    metadata: Object.fromEntries([...file.metadata].map(([key, value]) => [key, abbreviate(value)])),
    tensors: byType(file),
    tensorCount: file.tensors.length,
    labels: description.heads,
    template: {
      present: description.chatTemplate !== null,
      guard: template.includes('Safety:') && template.includes('Categories:'),
      length: template.length,
    },
    problems: error ? [error.message] : await problemsOf(file, options),
  }
}

async function problemsOf(file: GgufFile, options: { signal?: AbortSignal | undefined }): Promise<string[]> {
  const other = otherKind(file)
  if (other) return [other]
  try {
    return await ggufProblems(file, options)
  } catch (error) {
    if (!(error instanceof ModelFileError)) throw error
    return [error.message]
  }
}

function byType(file: GgufFile): Inspection['tensors'] {
  const types = new Map<string, { type: string; count: number; bytes: number }>()
  for (const { type, bytes } of file.tensors) {
    const sum = types.get(type) ?? { type, count: 0, bytes: 0 }
    sum.count++
    sum.bytes += bytes
    types.set(type, sum)
  }
  return [...types.values()].sort((a, b) => b.bytes - a.bytes)
}

function abbreviate(value: GgufValue): InspectedValue {
  if (value.type !== 'array') return abbreviateScalar(value.value)
  const first = (value.values ?? []).slice(0, FIRST_ELEMENTS).map(abbreviateScalar)
  return { array: value.of, count: value.count, first }
}

function abbreviateScalar(value: GgufScalar): string | number | boolean {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'string' || value.length <= LONGEST_STRING) return value
  return `${value.slice(0, LONGEST_STRING)}… (${value.length} characters)`
}
