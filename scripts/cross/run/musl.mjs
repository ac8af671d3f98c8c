// Bun for musl on a machine with glibc: there is no Node.js for musl in the npm registry. Bun's build wants a libstdc++, of which
// it uses few functions: they are taken out of GCC's static one and linked against musl.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { BuildError, cacheDir } from '../../llama-source.mjs'
import { npmPackage, PACKAGES } from '../npm-file.mjs'

const SYSTEMS = {
  x64: {
    bun: PACKAGES.bunLinuxX64Musl,
    triple: 'x86_64-linux-musl',
    gcc: '/usr/lib/gcc/x86_64-linux-gnu',
    libraryPackage: 'g++',
    // Where Bun looks for it: no folder of ours.
    loader: '/lib/ld-musl-x86_64.so.1',
    loaderPackage: 'apt-get install -y musl',
    how: 'Bun 1.4.5 for musl',
  },
  arm64: {
    bun: PACKAGES.bunLinuxArm64Musl,
    triple: 'aarch64-linux-musl',
    gcc: '/usr/lib/gcc-cross/aarch64-linux-gnu',
    libraryPackage: 'libstdc++-12-dev-arm64-cross',
    loader: path.join(cacheDir(), 'musl-arm64', 'lib', 'ld-musl-aarch64.so.1'),
    loaderPackage: `Debian's package musl for arm64: its libc.so as ${path.join(cacheDir(), 'musl-arm64', 'lib', 'ld-musl-aarch64.so.1')}`,
    how: 'Bun 1.4.5 for musl, qemu-user',
  },
}

/** What glibc has and musl has not, of what GCC's library asks for. */
const LACKING = `
#include <sys/random.h>
void* __dso_handle __attribute__((visibility("hidden"))) = 0;
char __libc_single_threaded = 0;
unsigned arc4random(void) { unsigned n = 0; getrandom(&n, sizeof n, 0); return n; }
`

function run(command, args, env) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  })
  if (status === 0) return stdout
  throw new BuildError(`${command} failed: ${error?.message ?? stderr.slice(-2000)}`)
}

/** The static libstdc++ of the newest GCC in that folder, or undefined. */
function staticLibrary(gcc) {
  const versions = existsSync(gcc) ? readdirSync(gcc) : []
  return versions.map((version) => path.join(gcc, version, 'libstdc++.a')).findLast(existsSync)
}

/** Links the library that Bun wants; returns its folder. */
function libraryFor(bun, archive, system, log) {
  const folder = path.join(cacheDir(), `musl-libstdc++-${path.basename(path.dirname(path.dirname(bun)))}`)
  if (existsSync(folder)) return folder
  const zig = path.join(npmPackage(PACKAGES.zig, log), 'zig')
  const work = mkdtempSync(path.join(cacheDir(), 'link-'))
  try {
    const names = (text) => text.match(/\S+(?=@|$)/gm)?.map((word) => word.replace(/@.*/, '')) ?? []
    const wanted = new Set(names(run('nm', ['--dynamic', bun])))
    const pulled = [...new Set(names(run('nm', ['--defined-only', '--quiet', archive])))].filter(
      (name) => /^\w+$/.test(name) && wanted.has(name),
    )
    const source = path.join(work, 'pull.c')
    writeFileSync(
      source,
      `${LACKING}
${pulled.map((name) => `extern char ${name}[];`).join('\n')}
const void* const pulled[] = {${pulled.join(', ')}};
`,
    )
    const made = path.join(work, 'lib')
    mkdirSync(made)
    const caches = {
      ZIG_GLOBAL_CACHE_DIR: path.join(cacheDir(), 'zig-cache'),
      ZIG_LOCAL_CACHE_DIR: path.join(cacheDir(), 'zig-cache'),
    }
    const output = ['-o', path.join(made, 'libstdc++.so.6'), '-Wl,-soname,libstdc++.so.6']
    const compile = ['cc', '-target', system.triple, '-O2', '-g0', '-fPIC', '-shared']
    run(zig, [...compile, ...output, source, archive, '-lunwind'], caches)
    renameSync(made, folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}

/** How programs run on musl here (see runnerOf). */
export function muslRunner(arch, log) {
  const system = SYSTEMS[arch]
  if (!existsSync(system.loader)) return { missing: system.loaderPackage }
  const archive = staticLibrary(system.gcc)
  if (!archive) return { missing: `apt-get install -y ${system.libraryPackage}` }
  const bun = path.join(npmPackage(system.bun, log), 'bin', 'bun')
  const library = libraryFor(bun, archive, system, log)
  const own = { how: system.how, runtime: 'bun', pathOf: String }
  // Not by /etc/alpine-release, which this machine has not.
  const env = { LIBC: 'musl' }
  if (arch === 'x64') return { ...own, command: [bun], env: { ...env, LD_LIBRARY_PATH: library } }
  const emulator = ['qemu-aarch64-static', '-L', path.dirname(path.dirname(system.loader))]
  return { ...own, command: [...emulator, '-E', `LD_LIBRARY_PATH=${library}`, bun], env }
}
