// Builds build/Release/qwen3guard.node, and with --gpu one with those back ends besides:
// `node scripts/build.mjs [--gpu NAME[,NAME…]] [--flavour NAME] [--portable] [--debug] [--out FOLDER] [-DNAME=VALUE…]`. With
// `--faults` it builds build/faults/build/Release/qwen3guard.node instead, whose calls tests make fail.
// prebuildify and node-gyp (binding.gyp) start it with words of their own as well.
import path from 'node:path'
import { buildAddons, fail, root } from './build-addon.mjs'
import { gpuOption } from './gpu-backends.mjs'
import { BuildError } from './llama-source.mjs'

async function main() {
  const { gpu, rest } = gpuOption(process.argv.slice(2))
  const after = (option) => {
    const at = rest.indexOf(option)
    return at === -1 ? undefined : rest[at + 1]
  }
  const faults = rest.includes('--faults')
  if (faults && (rest.includes('--flavour') || rest.includes('--portable') || gpu?.length > 0)) {
    throw new BuildError(
      '--faults makes an addon for tests on this machine: it takes no --flavour, --portable or --gpu',
    )
  }
  const out = after('--out') ?? (faults ? path.join(root, 'build', 'faults') : undefined)
  await buildAddons({
    gpu,
    out: out && path.resolve(out),
    flavour: after('--flavour'),
    debug: rest.includes('--debug'),
    portable: rest.includes('--portable'),
    define: [...rest.filter((word) => word.startsWith('-D')), ...(faults ? ['-DQWEN3GUARD_FAULTS=ON'] : [])],
  })
}

await main().catch(fail)
