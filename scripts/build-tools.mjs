// Where cmake-js and the C++ headers of Node-API are. A package with a prebuilt binary has no use for them, so they are
// development dependencies: present in a clone, put into the cache for a source build anywhere else.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDir, npm } from './llama-source.mjs'

const manifest = fileURLToPath(new URL('../package.json', import.meta.url))
const { devDependencies } = JSON.parse(readFileSync(manifest, 'utf8'))
const TOOLS = { 'cmake-js': devDependencies['cmake-js'], 'node-addon-api': devDependencies['node-addon-api'] }

/** Paths of the tools as the package of that package.json sees them, or null unless it has these very versions. */
function toolsOf(packageJson) {
  const require = createRequire(packageJson)
  try {
    for (const [name, version] of Object.entries(TOOLS)) {
      if (require(`${name}/package.json`).version !== version) return null
    }
    return {
      cmakeJs: require.resolve('cmake-js/bin/cmake-js'),
      nodeAddonApi: path.dirname(require.resolve('node-addon-api/package.json')),
    }
  } catch {
    return null
  }
}

/** Path of cmake-js's program and of the folder with napi.h. Offline once they are in the cache. */
export function buildTools(log = () => {}) {
  const found = toolsOf(manifest)
  if (found) return found

  const cache = cacheDir()
  const words = Object.entries(TOOLS).map(([name, version]) => `${name}@${version}`)
  const folder = path.join(cache, `tools-${words.join('-')}`)
  if (!existsSync(folder)) {
    log(`fetching ${words.join(' and ')} from the npm registry`)
    mkdirSync(cache, { recursive: true })
    const fresh = mkdtempSync(path.join(cache, 'fetch-'))
    try {
      writeFileSync(path.join(fresh, 'package.json'), JSON.stringify({ private: true, dependencies: TOOLS }))
      npm(
        ['install', '--ignore-scripts', '--no-global', '--no-audit', '--no-fund', '--loglevel=error'],
        { cwd: fresh },
        `${words.join(' and ')} could not be fetched from the npm registry.\n` +
          'Check the network and `npm config get registry`.',
      )
      renameSync(fresh, folder)
    } catch (error) {
      // Another build finished first: its folder has the same name, so the same content.
      if (!existsSync(folder)) throw error
    } finally {
      rmSync(fresh, { recursive: true, force: true })
    }
  }
  return toolsOf(path.join(folder, 'package.json'))
}
