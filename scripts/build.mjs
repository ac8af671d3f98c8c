// Builds build/Release/qwen3guard.node, and with --gpu one with those back ends besides:
// `node scripts/build.mjs [--gpu NAME[,NAME…]] [--flavour NAME] [--portable] [--debug] [--out FOLDER] [-DNAME=VALUE…]`.
// prebuildify and node-gyp (binding.gyp) start it with words of their own as well.
import path from 'node:path'
import { buildAddons, fail } from './build-addon.mjs'
import { gpuOption } from './gpu-backends.mjs'

async function main() {
  const { gpu, rest } = gpuOption(process.argv.slice(2))
  const after = (option) => {
    const at = rest.indexOf(option)
    return at === -1 ? undefined : rest[at + 1]
  }
  const out = after('--out')
  await buildAddons({
    gpu,
    out: out && path.resolve(out),
    flavour: after('--flavour'),
    debug: rest.includes('--debug'),
    portable: rest.includes('--portable'),
    define: rest.filter((word) => word.startsWith('-D')),
  })
}

await main().catch(fail)
