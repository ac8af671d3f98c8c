// How each platform's Node.js is run on this machine, or what is missing for it.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import path from 'node:path'
import { cacheDir } from '../../llama-source.mjs'
import { npmPackage, PACKAGES } from '../npm-file.mjs'
import { muslRunner } from './musl.mjs'

const has = (command) => spawnSync(command, ['--version']).status === 0

/** As a Windows program sees a file of this system. */
const onDrive = (file) => `Z:${file.replaceAll('/', '\\')}`

const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu'

/**
 * `command` and `env` run Node.js, or Bun if `runtime` says so, with the words that follow; `byItsName` is the command for a
 * program that has to be called node. `pathOf` spells a path for it. `missing` says instead why it cannot be run here.
 */
export function runnerOf(name, log) {
  if (name === 'linux-x64') {
    if (process.platform !== 'linux' || process.arch !== 'x64') return { missing: 'not on linux-x64' }
    return { how: `Node.js ${process.version}`, command: [process.execPath], env: {}, pathOf: String }
  }
  if (name === 'linux-arm64') {
    if (!has('qemu-aarch64-static') || !existsSync(path.join(ARM64_LIBRARIES, 'lib', 'libstdc++.so.6'))) {
      return { missing: 'apt-get install -y qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross' }
    }
    const node = path.join(npmPackage(PACKAGES.nodeLinuxArm64, log), 'bin', 'node')
    return {
      how: 'Node.js 20.20.2, qemu-user',
      command: ['qemu-aarch64-static', '-L', ARM64_LIBRARIES, node],
      env: {},
      pathOf: String,
    }
  }
  if (name === 'win32-x64') {
    if (!has('wine')) return { missing: 'apt-get install -y wine wine64' }
    const node = path.join(npmPackage(PACKAGES.nodeWin32X64, log), 'bin', 'node.exe')
    // The addon must find Node-API in a program of any name.
    const renamed = path.join(path.dirname(node), 'renamed.exe')
    if (!existsSync(renamed)) copyFileSync(node, renamed)
    return {
      how: 'Node.js 20.20.2 as renamed.exe, wine',
      command: ['wine', renamed],
      byItsName: ['wine', node],
      env: {
        NODE_SKIP_PLATFORM_CHECK: '1',
        WINEDEBUG: '-all',
        WINEPREFIX: path.join(cacheDir(), 'wine'),
      },
      pathOf: onDrive,
    }
  }
  if (name === 'linux-x64-musl') return muslRunner('x64', log)
  if (name === 'linux-arm64-musl') {
    if (!has('qemu-aarch64-static')) return { missing: 'apt-get install -y qemu-user-static' }
    return muslRunner('arm64', log)
  }
  return { missing: 'cannot run on this machine; checked statically' }
}
