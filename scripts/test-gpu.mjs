// The tests of engine, Gen, Stream, parity and lifecycle on a GPU: `npm run test:gpu [-- BACKEND]`, Vulkan by default.
// Vulkan takes the first device, a software driver too, which it passes over by itself.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { fail, root } from './build-addon.mjs'
import { BuildError } from './llama-source.mjs'

/** Beginnings of the names of test files. */
export const TESTS = [
  'gpu/',
  'engine/engine',
  'engine/load-options',
  'engine/prefix-cache',
  'engine/shared-prefix',
  'gen/',
  'stream/',
  'lifecycle/endings',
  'lifecycle/memory-',
].map((name) => `test/${name}`)

function main([gpu = 'vulkan']) {
  if (!existsSync(path.join(root, 'build', 'Release', gpu, 'qwen3guard.node'))) {
    throw new BuildError(`there is no addon with ${gpu}: npm run build -- --gpu ${gpu}`)
  }
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const env = { GGML_VK_VISIBLE_DEVICES: '0', ...process.env, QWEN3GUARD_TEST_GPU: gpu }
  // A software driver takes minutes for what a GPU does in seconds.
  const slow = ['--testTimeout=600000', '--hookTimeout=600000']
  const { status } = spawnSync(process.execPath, [vitest, 'run', ...slow, ...TESTS], {
    cwd: root,
    env,
    stdio: 'inherit',
  })
  process.exitCode = status ?? 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main(process.argv.slice(2))
  } catch (error) {
    fail(error)
  }
}
