// Builds build/Release/qwen3guard.node: `node scripts/build.mjs [--debug] [--out FOLDER] [-DNAME=VALUE…]`.
// prebuildify and node-gyp (binding.gyp) start it with words of their own as well.
import path from 'node:path'
import { buildAddon, fail } from './build-addon.mjs'

const words = process.argv.slice(2)
const at = words.indexOf('--out')
await buildAddon({
  out: at === -1 ? undefined : path.resolve(words[at + 1]),
  debug: words.includes('--debug'),
  define: words.filter((word) => word.startsWith('-D')),
}).catch(fail)
