// zig as a C and C++ compiler for another platform: programs that CMake can call, and the file that tells it so.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { BuildError, cacheDir } from '../llama-source.mjs'
import { npmPackage, PACKAGES } from './npm-file.mjs'

/**
 * zig's own words for what CMake says: it takes no -fPIE beside -c, makes -O2 of -O3, and reads the CPU of -march in a
 * spelling of its own. No debug information, which it would keep of its C++ library. What CMake tries is not linked: zig
 * compiles its C++ library anew for every kind of program.
 */
function compiler(zig, language, triple) {
  return `#!/bin/sh
for word do
  shift
  case "$word" in
    -fPIE|-fpie|-Wl,-Bsymbolic) continue ;;
    CMakeC*CompilerId.c*) set -- "$@" -c ;;
    -O3) set -- "$@" -O3 -Xclang ;;
    -march=armv8-a) word=-mcpu=generic ;;
    -march=armv8.2-a*) word=$(printf %s "$word" | sed 's/-march=armv8.2-a/-mcpu=generic+v8_2a/; s/+fp16/+fullfp16/') ;;
  esac
  set -- "$@" "$word"
done
exec '${zig}' ${language} -target ${triple} -g0 "$@"
`
}

/** Writes the compiler for a target; returns the CMake toolchain file and the environment that it wants. */
export function toolchain(target, log) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new BuildError(
      `cross builds run on linux-x64, this is ${process.platform}-${process.arch}: \`npm run build:prebuilds\` without --target makes this platform's.`,
    )
  }
  const zig = path.join(npmPackage(PACKAGES.zig, log), 'zig')
  const folder = path.join(cacheDir(), `zig-${target.name}`)
  mkdirSync(folder, { recursive: true })
  const program = (name, text) => {
    const file = path.join(folder, name)
    writeFileSync(file, text)
    chmodSync(file, 0o755)
    return file
  }
  const programs = {
    CMAKE_C_COMPILER: program('clang', compiler(zig, 'cc', target.triple)),
    CMAKE_CXX_COMPILER: program('clang++', compiler(zig, 'c++', target.triple)),
    CMAKE_AR: program('ar', `#!/bin/sh\nexec '${zig}' ar "$@"\n`),
    CMAKE_RANLIB: program('ranlib', `#!/bin/sh\nexec '${zig}' ranlib "$@"\n`),
  }
  const definitions = {
    CMAKE_SYSTEM_NAME: target.cmake.system,
    CMAKE_SYSTEM_PROCESSOR: target.cmake.processor,
    ...programs,
    CMAKE_TRY_COMPILE_TARGET_TYPE: 'STATIC_LIBRARY',
    // zig links threads by itself, and has no library of such a name; without a link CMake believes in any that it asks for.
    CMAKE_HAVE_LIBC_PTHREAD: '1',
    CMAKE_FIND_ROOT_PATH_MODE_PACKAGE: 'NEVER',
    CMAKE_FIND_ROOT_PATH_MODE_LIBRARY: 'NEVER',
    ...(ccache() && { CMAKE_C_COMPILER_LAUNCHER: ccache(), CMAKE_CXX_COMPILER_LAUNCHER: ccache() }),
  }
  const file = path.join(folder, 'toolchain.cmake')
  const lines = Object.entries(definitions).map(([name, value]) => `set(${name} "${value}")`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  return {
    file,
    zig,
    env: {
      CCACHE_COMPILERTYPE: 'clang',
      CCACHE_COMPILERCHECK: `string:${PACKAGES.zig.integrity} ${compiler('', '', target.triple)}`,
      ZIG_GLOBAL_CACHE_DIR: path.join(cacheDir(), 'zig-cache'),
      ZIG_LOCAL_CACHE_DIR: path.join(cacheDir(), 'zig-cache'),
    },
  }
}

function ccache() {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean)
  return folders.map((folder) => path.join(folder, 'ccache')).find((file) => existsSync(file))
}
