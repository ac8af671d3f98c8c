// Runs at `npm install`. A package with a prebuilt binary for this platform needs nothing; otherwise the
// addon is built from source, as in a clone of the repository.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)

function prebuilt() {
  if (!existsSync(path.join(root, 'prebuilds'))) return false
  try {
    require('node-gyp-build').resolve(root)
    return true
  } catch {
    return false
  }
}

if (!prebuilt()) await import('./build.mjs')
