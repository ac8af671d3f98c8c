import { readFile, stat } from 'node:fs/promises'
import { ModelFileError } from '../../errors.js'

/** A tokenizer.json has 11 MB, index and config files far less; more is not what it says it is. */
export const MOST_JSON_BYTES = 64 << 20

/** Text of a file without the byte order mark that some editors put first. */
export function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}

/** A ModelFileError about a checkpoint. */
export function brokenCheckpoint(message: string, cause?: unknown): ModelFileError {
  return new ModelFileError(message, cause === undefined ? undefined : { cause }, 'ERR_CHECKPOINT_INVALID')
}

/** A JSON file of a checkpoint. `null` if it is not there. */
export async function readOptionalJson(path: string): Promise<unknown> {
  try {
    return await readJson(path)
  } catch (error) {
    const cause =
      error instanceof ModelFileError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined
    if (cause?.code === 'ENOENT') return null
    throw error
  }
}

/** A JSON file of a checkpoint. */
export async function readJson(path: string): Promise<unknown> {
  let text: string
  try {
    const { size } = await stat(path)
    if (size > MOST_JSON_BYTES)
      throw brokenCheckpoint(`${path} has ${size} bytes, expected at most ${MOST_JSON_BYTES}`)
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof ModelFileError) throw cause
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw brokenCheckpoint(
      `${path} ${missing ? 'is missing' : 'cannot be read'}: download the whole checkpoint`,
      cause,
    )
  }
  try {
    return JSON.parse(withoutMark(text))
  } catch (cause) {
    throw brokenCheckpoint(`${path} is not JSON (${(cause as Error).message}): download it again`, cause)
  }
}
