import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { loadBinding } from '../../binding/addon.js'
import type { GgmlType } from '../../binding/binding.js'
import { ModelFileError } from '../../errors.js'
import { atomicFile } from '../atomic-file.js'
import { checkGguf } from '../gguf/check/check.js'
import { describeGguf } from '../gguf/describe.js'
import { statedSizes } from '../gguf/metadata.js'
import { type GgufFile, readGguf } from '../gguf/reader.js'
import { encodeTensors } from './encode-tensors.js'
import { requantizedHeader, tensorBytes } from './requantized-header.js'
import {
  type ConvertType,
  fallbackNotes,
  fileTypeNumber,
  isFloat,
  requireConvertType,
  type TensorType,
  tensorType,
} from './tensor-type.js'

export interface QuantizeOptions {
  type: ConvertType
  /** Called with 0 to 1 while weights are written. */
  onProgress?: ((fraction: number) => void) | undefined
  /** Aborts: nothing is left behind and the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
}

export interface QuantizeReport {
  path: string
  /** `null`: a Gen file by others, which does not say. */
  variant: 'gen' | 'stream' | null
  type: ConvertType
  /** Type of the file that was read, such as `bf16`. */
  from: string
  tensors: number
  /** Values in all tensors. */
  parameters: number
  /** Sizes of the file written and of the one read. */
  bytes: number
  sourceBytes: number
  /** What a user should know: types other than asked for, weights rounded twice. */
  notes: string[]
}

/** Version of the quantized formats, `GGML_QNT_VERSION`. */
const QUANTIZATION_VERSION = 2

/**
 * Writes a GGUF in another type. All metadata stay as they are, but for `general.file_type`. The same file
 * and type give the same bytes, and an f32 file gives the bytes that its checkpoint converts to. Weights are
 * read in slabs, so memory stays bounded; `outPath` appears, complete and checked, or not at all.
 *
 * @throws TypeError for a type that is none, or the file itself as `outPath`
 * @throws RangeError if the file has that type already, or would become larger in another quantized type
 * @throws ModelFileError, ModelKindError for a file that this package would not load, and one whose weights are not finite
 */
export async function quantizeGguf(
  inPath: string,
  outPath: string,
  options: QuantizeOptions,
): Promise<QuantizeReport> {
  const { type, signal } = options
  requireConvertType(type)
  const source = await readGguf(inPath, { signal })
  await checkGguf(source, { signal })
  const out = resolve(outPath)
  const target = await realpath(out).catch(() => out)
  if (target === (await realpath(inPath))) {
    throw new TypeError(`${inPath} is to be read and written: give another file to write`)
  }
  const planned = plan(source, type)
  const { fileType: from, variant, parameters } = describeGguf(source)
  const notes = [...requantizing(source, from, planned, type), ...fallbackNotes(planned)]

  const binding = loadBinding()
  const changed = new Map([
    ['general.file_type', fileTypeNumber(type)],
    ['general.quantization_version', QUANTIZATION_VERSION],
  ])
  const header = await requantizedHeader(
    source,
    changed,
    planned.map((tensor) => tensor.type),
  )
  const jobs = planned.map(({ tensor, type }) => ({
    ...tensor,
    path: inPath,
    row: tensor.shape[0]!,
    rows: tensor.shape.slice(1).reduce((product, length) => product * length, 1),
    from: tensor.type as GgmlType,
    to: type,
  }))
  const bytes = await atomicFile(out, async (handle, path) => {
    await handle.writeFile(header)
    const written = await encodeTensors(binding, handle, header.length, jobs, {
      alignment: source.alignment,
      refuse: (path, what) => new ModelFileError(`${path}: ${what}`),
      onProgress: options.onProgress,
      signal,
    })
    await checkGguf(await readGguf(path, { signal }), { signal })
    return written
  })
  const tensors = planned.length
  return { path: out, variant, type, from, tensors, parameters, bytes, sourceBytes: source.size, notes }
}

type PlannedTensor = TensorType & { tensor: GgufFile['tensors'][number] }

function plan(source: GgufFile, type: ConvertType): PlannedTensor[] {
  const tied = !source.tensors.some(({ name }) => name === 'output.weight')
  const model = { ...statedSizes(source), tied }
  return source.tensors.map((tensor) => ({
    tensor,
    ...tensorType(type, tensor.name, tensor.shape[0]!, model),
  }))
}

/**
 * What it means that the weights are rounded already.
 *
 * @throws RangeError where it makes no sense to round them again
 */
function requantizing(
  source: GgufFile,
  from: string,
  planned: readonly PlannedTensor[],
  type: ConvertType,
): string[] {
  if (planned.every(({ tensor, type }) => tensor.type === type)) {
    throw new RangeError(`${source.path} is ${type} already`)
  }
  if (source.tensors.every((tensor) => isFloat(tensor.type))) return []
  const before = source.tensors.reduce((sum, { bytes }) => sum + bytes, 0)
  const after = planned.reduce((sum, { tensor, type }) => sum + tensorBytes(tensor, type), 0)
  if (isFloat(type)) {
    return [`the weights were ${from}: as ${type} they take more room and are no more exact, for comparisons`]
  }
  if (after >= before) {
    throw new RangeError(
      `the weights of ${source.path} are ${from}: as ${type} they would be less exact in ${after} bytes than they are in ${before}. ` +
        `Quantize a file in f32, f16 or bf16, or convert the checkpoint with --type ${type}`,
    )
  }
  return [`the weights were ${from}: converting the checkpoint with --type ${type} rounds them only once`]
}
