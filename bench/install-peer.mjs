// Installs node-llama-cpp into bench/ when it is not there: the package and the CPU binary for this platform,
// without its CUDA and Vulkan binaries (340 MB) and without its install scripts.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PLATFORMS = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
}

/** Version of node-llama-cpp; in the short form of a bench null, with a line, where it is not installed. */
export function installPeer({ short = false } = {}) {
  const bench = fileURLToPath(new URL('.', import.meta.url))
  const name = `@node-llama-cpp/${PLATFORMS[`${process.platform}-${process.arch}`]}`
  const version = JSON.parse(readFileSync(`${bench}package.json`, 'utf8')).dependencies['node-llama-cpp']
  if (existsSync(`${bench}node_modules/${name}`)) return version
  if (short) {
    console.log('not measured: node-llama-cpp (it is not installed in bench/)')
    return null
  }
  console.error(`installing node-llama-cpp ${version} into bench/`)
  const words = [
    ['install', `node-llama-cpp@${version}`, `${name}@${version}`, '--prefix', bench, '--omit=optional'],
    ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'],
  ].flat()
  const { status } = spawnSync('npm', words, {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`node-llama-cpp could not be installed: npm ${words.join(' ')}`)
  return version
}
