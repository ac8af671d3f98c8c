import { ModelFileError, ModelKindError } from '../../../errors.js'
import { ARCHITECTURE, scalarAt } from '../metadata.js'
import type { GgufFile } from '../reader.js'
import { checkHeads } from './heads.js'
import { checkKeys } from './keys.js'
import { checkTensors } from './tensors.js'
import { checkTokenizer } from './tokenizer.js'

/** Defects named in one message; more would hide the first. */
const MOST_NAMED = 10

/**
 * Refuses a GGUF that llama.cpp, or this package, could not run safely. llama.cpp ends the process on
 * an assertion when a header is inconsistent, so everything it asserts on for Qwen3 is checked here
 * first: key types and ranges, tokenizer arrays, tensor names, shapes and types, guard heads and labels.
 *
 * Reads the vocabulary once, in batches; no weights.
 *
 * @throws ModelFileError ERR_MODEL_INVALID naming up to ten defects
 * @throws ModelKindError a sound file of another architecture, or without weights
 */
export async function checkGguf(
  file: GgufFile,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const other = otherKind(file)
  if (other) throw new ModelKindError(`${file.path}: ${other}`)
  const problems = await ggufProblems(file, options)
  if (problems.length === 0) return
  const named = problems.slice(0, MOST_NAMED).join('; ')
  const more = problems.length > MOST_NAMED ? `; and ${problems.length - MOST_NAMED} more` : ''
  throw new ModelFileError(
    `${file.path} cannot be run as a Qwen3Guard model: ${named}${more}. Download the file again, or convert the checkpoint again`,
  )
}

/** Everything `checkGguf` finds wrong with a file of the right architecture, in the order of the file. */
export async function ggufProblems(
  file: GgufFile,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<string[]> {
  const problems: string[] = []
  const report = (problem: string) => {
    problems.push(problem)
  }
  const sizes = checkKeys(file, report)
  const heads = checkHeads(file, report)
  // Shapes follow from the sizes: without sound ones every tensor would seem wrong.
  if (sizes && heads !== undefined) checkTensors(file, sizes, heads, report)
  await checkTokenizer(file, report, options.signal)
  return problems
}

/** Why a sound file is not one for this package, or null. */
export function otherKind(file: GgufFile): string | null {
  const architecture = scalarAt(file, 'general.architecture', 'string')
  if (architecture === null) {
    return file.metadata.has('general.architecture')
      ? null
      : 'the file names no architecture (general.architecture), expected "qwen3"'
  }
  if (architecture !== ARCHITECTURE) {
    const name = scalarAt(file, 'general.name', 'string')
    const named = name === null ? '' : ` of ${JSON.stringify(name)}`
    return (
      `the architecture${named} is ${JSON.stringify(architecture)}, expected "${ARCHITECTURE}", which Qwen3Guard Gen and Stream have. ` +
      'This package runs no other model: use one that `npx qwen3guard pull` or `npx qwen3guard convert` makes'
    )
  }
  const type = scalarAt(file, 'general.type', 'string')
  if (type !== null && type !== 'model') {
    const todo = type === 'adapter' ? ': merge it into the model it was trained on, and convert that' : ''
    return `the file holds a ${JSON.stringify(type)}, expected a whole model${todo}`
  }
  if (file.tensors.length === 0)
    return 'the file holds no weights (a vocabulary only), expected a whole model'
  return null
}
