// Tries a new addon in a process of its own: products of every type of weights, and both demonstration models.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

const LIMIT_MS = 300_000

/** In a clone the program that tries it may not be compiled yet, or be older than the addon. */
function compileTrial() {
  if (!existsSync(path.join(root, 'lib'))) return
  const tsc = path.join(
    path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
    'bin',
    'tsc',
  )
  spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root })
}

/**
 * What is wrong with an addon on this CPU, or null. An addon that could not be tried is left to its first load, with a line
 * that says why.
 */
export async function selfTest(file, log) {
  try {
    compileTrial()
    const proof = pathToFileURL(path.join(root, 'dist', 'binding', 'proof.js')).href
    const { fault, untried } = (await import(proof)).proveAddon(file, { models: true, limitMs: LIMIT_MS })
    if (untried !== null) log(`it was not tried: ${untried}`)
    return fault
  } catch (error) {
    log(`it was not tried: ${error.message}`)
    return null
  }
}
