// Builds the addon, or a program of the tests, instrumented by a sanitizer: llama.cpp and the kernels too.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildTools } from '../build-tools.mjs'
import { flavourDefinitions, flavoursHere } from '../flavours.mjs'
import { llamaSource, patchHash, pin, sourceHash } from '../llama-source.mjs'

export const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))))
export const log = (text) => process.stderr.write(`qwen3guard: ${text}\n`)

/** Runs a command to its end with its output on stderr. Rejects unless it exits with 0. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`${command} ${args.slice(0, 4).join(' ')} … ended with ${signal ?? code}`))
    })
  })
}

/**
 * Configures `folder`/tree, a build tree of its own, and builds `target`, in the flavour of this CPU.
 *
 * Slightly optimised, or the models take minutes; and with asserts, which a release leaves out.
 *
 * @param folder of the repository, ignored by git: `build-asan`
 * @param sanitize what -fsanitize is given: 'address,undefined'
 * @returns the build tree's path
 */
export async function sanitizedBuild(folder, sanitize, target) {
  const out = path.join(root, folder)
  const tree = path.join(out, 'tree')
  const [flavour] = flavoursHere(path.join(out, 'cpu'))
  const { nodeAddonApi } = buildTools(log)
  const nodeApi = path.dirname(fileURLToPath(import.meta.resolve('node-api-headers/package.json')))
  const definitions = {
    CMAKE_BUILD_TYPE: 'Sanitized',
    CMAKE_C_FLAGS_SANITIZED: '-O1 -g1',
    CMAKE_CXX_FLAGS_SANITIZED: '-O1 -g1',
    CMAKE_EXPORT_COMPILE_COMMANDS: 'ON',
    CMAKE_JS_INC: path.join(nodeApi, 'include'),
    NODE_ADDON_API_DIR: nodeAddonApi,
    LLAMA_CPP_DIR: llamaSource(log),
    QWEN3GUARD_SANITIZE: sanitize,
    QWEN3GUARD_OUTPUT: path.join(out, 'build', 'Release'),
    QWEN3GUARD_LLAMA_TAG: pin.tag,
    QWEN3GUARD_PATCH: patchHash(),
    QWEN3GUARD_SOURCE: sourceHash(),
    QWEN3GUARD_FLAVOUR: flavour?.name ?? 'native',
  }
  const words = [
    ...Object.entries(definitions).map(([name, value]) => `-D${name}=${value}`),
    ...(flavour ? flavourDefinitions(flavour) : ['-DGGML_NATIVE=ON']),
  ]
  const started = Date.now()
  log(`building ${target} with -fsanitize=${sanitize} (first time: some minutes)`)
  await run('cmake', ['-S', root, '-B', tree, ...words])
  await run('cmake', ['--build', tree, '--target', target, '--parallel', String(availableParallelism())])
  log(`built ${target} in ${Math.round((Date.now() - started) / 1000)} s`)
  return tree
}
