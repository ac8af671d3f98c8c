import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUNDLE_MENDING, packageRoot } from '../binding/package-root.js'
import { isReadDenied, isThere } from '../binding/permission.js'
import { ModelFileError } from '../errors.js'
import { findInstalled, HUB_PREFIX } from './installed.js'
import { nearestModel } from './nearest-model.js'

/** Kinds of Qwen3Guard. */
export type Variant = 'gen' | 'stream'

/**
 * Path of a model: a .gguf file's own, or that of the demonstration model or pulled model a name stands for.
 *
 * @throws ModelFileError ERR_MODEL_NOT_FOUND for a name that has not been pulled
 */
export function resolveModel(name: string, variant: Variant): string {
  if (name === 'demo') return demoModel(`demo-${variant}`)
  if (name === 'demo-gen' || name === 'demo-stream') return demoModel(name)
  if (name.includes('\0')) throw new TypeError('Expected `model` to name a file, got a name with a zero byte')
  if (/^file:/i.test(name)) return there(fileOf(name), name, variant)
  const file = path.resolve(name)
  // A folder of the same name as a repository's is what was downloaded of it.
  if ((name.includes('/') || name.includes(path.sep)) && !name.startsWith(HUB_PREFIX) && isThere(file))
    return file
  const installed = findInstalled(name)
  if (installed === null && /^https?:/i.test(name)) {
    throw new ModelFileError(
      `${name} is an address, and loading downloads nothing: pull a model by its name (\`npx qwen3guard pull qwen3guard-${variant}-0.6b\`, or \`hf:owner/repo/file.gguf\` for a GGUF on the hub), or give the path of a .gguf file`,
      undefined,
      'ERR_MODEL_NOT_FOUND',
    )
  }
  return installed ?? there(file, name, variant)
}

/** @throws ModelFileError if there is nothing at that path, with what the name may have meant */
function there(file: string, name: string, variant: Variant): string {
  // What is there and is no model is told by whoever reads it; so is what may not be looked at.
  if (isThere(file) || isReadDenied(file)) return file
  if (name === '-') {
    const message = 'a model is not read from stdin: give the path of a .gguf file or the name of a model'
    throw new ModelFileError(message, undefined, 'ERR_MODEL_NOT_FOUND')
  }
  const nearest = nearestModel(name, variant)
  const hints = [
    ...(nearest === null ? [] : [nearest]),
    ...(REPOSITORY.test(name) && !/\.gguf$/i.test(name)
      ? [
          `If ${name} is a repository on the hub, a GGUF of it comes with \`npx qwen3guard pull hf:${name}/FILE.gguf\``,
        ]
      : []),
  ]
  if (hints.length === 0) return file
  throw new ModelFileError(
    `there is no model file at ${file}. ${hints.join('. ')}`,
    undefined,
    'ERR_MODEL_NOT_FOUND',
  )
}

/** @throws ModelFileError in a bundle that the package is not beside */
function demoModel(name: string): string {
  const { folder, lost } = packageRoot()
  const file = path.join(folder, 'models', `${name}.gguf`)
  if (lost && !isThere(file)) {
    const message = `the demonstration model is not at ${file}. ${BUNDLE_MENDING}, or give the path of a .gguf file`
    throw new ModelFileError(message, undefined, 'ERR_MODEL_NOT_FOUND')
  }
  return file
}

/** As the hub spells them. */
const REPOSITORY = /^[\w-][\w.-]*\/[\w.-]+$/

/** @throws TypeError for an address that names no file on this machine */
function fileOf(address: string): string {
  // What follows without a slash is relative, and there is nothing that it could be relative to.
  if (!/^file:\//i.test(address)) {
    const plain = address.slice('file:'.length)
    throw new TypeError(
      `Expected \`model\` to be the address of a file here, as \`file:///folder/model.gguf\`, got '${address}': give '${plain}', or \`pathToFileURL('${plain}').href\` of node:url`,
    )
  }
  try {
    return fileURLToPath(address)
  } catch (cause) {
    throw new TypeError(
      `Expected \`model\` to be the address of a file here, as \`file:///folder/model.gguf\`, got '${address}'`,
      { cause },
    )
  }
}
