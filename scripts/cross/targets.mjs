// The platforms that binaries are made for, by one cross compiler.

/**
 * `triple` in zig's words. glibc 2.28 is the oldest that Node.js 20 runs on; macOS 13.3 is what llama.cpp's own Apple
 * builds are for. `libc` is the tag that prebuildify gives a binary.
 */
export const TARGETS = [
  {
    name: 'linux-x64',
    platform: 'linux',
    arch: 'x64',
    libc: 'glibc',
    triple: 'x86_64-linux-gnu.2.28',
    cmake: { system: 'Linux', processor: 'x86_64' },
  },
  {
    name: 'linux-x64-musl',
    platform: 'linux',
    arch: 'x64',
    libc: 'musl',
    triple: 'x86_64-linux-musl',
    cmake: { system: 'Linux', processor: 'x86_64' },
  },
  {
    name: 'linux-arm64',
    platform: 'linux',
    arch: 'arm64',
    libc: 'glibc',
    triple: 'aarch64-linux-gnu.2.28',
    cmake: { system: 'Linux', processor: 'aarch64' },
  },
  {
    name: 'linux-arm64-musl',
    platform: 'linux',
    arch: 'arm64',
    libc: 'musl',
    triple: 'aarch64-linux-musl',
    cmake: { system: 'Linux', processor: 'aarch64' },
  },
  {
    name: 'win32-x64',
    platform: 'win32',
    arch: 'x64',
    triple: 'x86_64-windows-gnu',
    cmake: { system: 'Windows', processor: 'AMD64' },
  },
  {
    name: 'darwin-arm64',
    platform: 'darwin',
    arch: 'arm64',
    triple: 'aarch64-macos.13.3',
    cmake: { system: 'Darwin', processor: 'arm64' },
  },
]

/** Where a target's binary of a flavour lies below `prebuilds`; the slowest flavour's is where node-gyp-build looks. */
export function binaryOf(target, flavour, flavours) {
  const name = target.libc ? `qwen3guard.${target.libc}.node` : 'qwen3guard.node'
  const folder = `${target.platform}-${target.arch}`
  return flavour === flavours[flavours.length - 1] ? `${folder}/${name}` : `${folder}/${flavour.name}/${name}`
}
