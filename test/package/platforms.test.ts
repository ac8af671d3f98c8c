import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { binaryOf, TARGETS } from '../../scripts/cross/targets.mjs'
// @ts-expect-error: a script without types
import { flavoursOf } from '../../scripts/flavours.mjs'
import { readBinaryFile } from '../support/binary-file.js'

// The binaries of other platforms that `npm run build:prebuilds -- --target NAME` made; skipped where they are not built.
// linux-x64's own, which another compiler may have made, are prebuild.test.ts's.
const PREBUILDS = fileURLToPath(new URL('../../prebuilds', import.meta.url))

interface Target {
  name: string
  platform: string
  arch: string
  libc?: 'glibc' | 'musl'
}

const built = (TARGETS as Target[])
  .filter(({ name }) => name !== 'linux-x64')
  .flatMap((target) => {
    const flavours: { name: string }[] = flavoursOf(target.platform, target.arch)
    return flavours.map((flavour) => ({
      target,
      name: `${target.name}, ${flavour.name}`,
      file: path.join(PREBUILDS, binaryOf(target, flavour, flavours)),
    }))
  })
  .map((binary) => ({ ...binary, isBuilt: existsSync(binary.file) }))

const UNWINDER = /^(_Unwind_|unw_|_GCC_specific_handler$)/
const ENTRY = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

const isNewer = (one: string, other: string) => one.localeCompare(other, 'en', { numeric: true }) > 0

for (const { target, name, file, isBuilt } of built) {
  describe.runIf(isBuilt)(`the binary of ${name}`, () => {
    it('is stripped and exports its Node-API entry alone', () => {
      const { exports: all, stripped } = readBinaryFile(file)
      // zig's unwinder for Windows is marked for export; nothing looks for it there by name.
      const exports = target.platform === 'win32' ? all.filter((each) => !UNWINDER.test(each)) : all
      const names = exports.map((each) => (target.platform === 'darwin' ? each.replace(/^_/, '') : each))
      expect({ names: names.sort(), stripped }).toEqual({ names: ENTRY, stripped: true })
    })

    it('needs what every such system has, and no C++ library', () => {
      const { needs, versions, minimumSystem } = readBinaryFile(file)
      if (target.platform === 'darwin') {
        expect(needs.filter((library) => !library.startsWith('/usr/lib/libSystem'))).toEqual([])
        expect(minimumSystem).toBe('13.3')
      } else if (target.platform === 'win32') {
        // Node-API is looked up in the program that loads it: node.exe may have another name.
        const system = /^(kernel32|advapi32|ntdll|user32|shell32|ws2_32|msvcrt|api-ms-win-[\w-]+)\.dll$/i
        expect(needs.filter((library) => !system.test(library))).toEqual([])
      } else if (target.libc === 'musl') {
        expect(needs).toEqual(['libc.so'])
      } else {
        const system = /^(libc|libm|libdl|libpthread|librt|ld-linux[\w-]*)\.so\.\d+$/
        expect(needs.filter((library) => !system.test(library))).toEqual([])
        const newer = versions.filter((version) => isNewer(version.replace('GLIBC_', ''), '2.28'))
        expect(newer).toEqual([])
      }
    })
  })
}

it('reads the binary that this machine has built', () => {
  const file = fileURLToPath(new URL('../../build/Release/qwen3guard.node', import.meta.url))
  const { exports } = readBinaryFile(file)
  expect(exports.sort()).toEqual(expect.arrayContaining(ENTRY))
})
