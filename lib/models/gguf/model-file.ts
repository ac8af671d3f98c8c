import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { isReadDenied } from '../../binding/permission.js'
import { ModelFileError } from '../../errors.js'

/** Without O_NONBLOCK (which Windows lacks) opening a named pipe would wait for a writer. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** Opens a regular file, or throws a ModelFileError that says what lies at `path` instead. */
export async function openModelFile(path: string): Promise<{ handle: FileHandle; size: number }> {
  let handle: FileHandle
  try {
    handle = await open(path, READ)
  } catch (cause) {
    throw cannotOpen(path, cause)
  }
  try {
    const stat = await handle.stat()
    if (stat.isDirectory()) throw directory(path)
    if (!stat.isFile())
      throw new ModelFileError(`${path} is not a regular file: give the path of a .gguf file`)
    return { handle, size: stat.size }
  } catch (error) {
    await handle.close()
    throw error
  }
}

function directory(path: string): ModelFileError {
  return new ModelFileError(
    `${path} is a directory, expected a .gguf file: a Hugging Face checkpoint becomes one with \`qwen3guard convert ${path} OUT.gguf\``,
  )
}

function cannotOpen(path: string, cause: unknown): ModelFileError {
  const code = (cause as NodeJS.ErrnoException).code
  // Windows reports a directory when it is opened, not by stat.
  if (code === 'EISDIR') return directory(path)
  if (code === 'ERR_INVALID_ARG_VALUE') {
    return new ModelFileError(`${JSON.stringify(path)} is no path of a file: it holds a zero byte`, { cause })
  }
  if (code === 'ENAMETOOLONG') {
    return new ModelFileError(`a path of ${path.length} characters is too long for this system`, { cause })
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new ModelFileError(
      `there is no model file at ${path}: give the path of a .gguf file, or the name of a model that \`npx qwen3guard pull\` got`,
      { cause },
      'ERR_MODEL_NOT_FOUND',
    )
  }
  if (isReadDenied(path)) {
    const message = `Node's --permission keeps this process from reading ${path}: start it with --allow-fs-read=${path} too`
    return new ModelFileError(message, { cause })
  }
  return new ModelFileError(`${path} cannot be opened (${code ?? String(cause)}): check its permissions`, {
    cause,
  })
}

/**
 * Says what a file that does not start with `GGUF` is, from its first bytes.
 *
 * @param head the first bytes, at least 64 where the file has them
 * @param size the file's size in bytes
 */
export function notGguf(path: string, head: Buffer, size: number): ModelFileError {
  return new ModelFileError(`${path} is not a GGUF file: ${foreignContent(head, size)}`)
}

function foreignContent(head: Buffer, size: number): string {
  const again = 'download it again'
  if (size === 0) return `it is empty, so its download or copy did not finish; ${again}`
  const text = head.toString('latin1')
  if (text.startsWith('version https://git-lfs')) {
    return 'it is a Git LFS pointer, the text that stands for a file not yet fetched; run `git lfs pull` or download the file itself'
  }
  const start = text.trimStart().slice(0, 16).toLowerCase()
  if (start.startsWith('<!doctype') || start.startsWith('<html')) {
    return `it is an HTML page, which is what a web server answers for a wrong address or a missing log-in; ${again}`
  }
  if (text.startsWith('PK\u0003\u0004'))
    return 'it is a zip archive (or a PyTorch .bin, which is one); unpack or convert it first'
  if (text.startsWith('\u001f\u008b')) return 'it is gzip-compressed; unpack it first'
  if (/^(ggml|lmgg|tjgg|algg|ggjt|ggla)/.test(text))
    return 'it is a GGML file from before GGUF; get the model as GGUF'
  if (head.length > 8 && head[8] === 0x7b && head.readBigUInt64LE(0) < BigInt(size)) {
    return 'it is a safetensors file; convert the checkpoint directory it belongs to with `qwen3guard convert DIR OUT.gguf`'
  }
  const came = JSON.stringify(text.slice(0, 4))
  return `it starts with ${came} where "GGUF" is expected; ${again}, or give another file`
}
