// Runs at `npm install`. A package with a prebuilt binary that loads here needs nothing. Otherwise the addon is built
// from source, as it is in a clone of the repository and where the environment asks for a build of its own.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildAddons, fail, isClone, log, missingTools, root } from './build-addon.mjs'
import { BuildError } from './llama-source.mjs'

/** Why no binary of this package loads here, or null if one does. In a process of its own: a crash is a reason too. */
function whyNot() {
  const loader = pathToFileURL(path.join(root, 'dist', 'binding', 'addon.js')).href
  const program = `
    import { loadAddon } from ${JSON.stringify(loader)}
    try { loadAddon() } catch (error) { console.log(error.message.split(/\\n  (?:mend|bundle):/)[0]); process.exitCode = 1 }`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  if (child.status === 0) return null
  return child.stdout.trimEnd() || `its loader ended with ${child.signal ?? child.status}:\n${child.stderr}`
}

const { QWEN3GUARD_CMAKE, LLAMA_CPP_DIR, npm_command } = process.env
// `npx qwen3guard` inside a clone makes npm install the clone into npx's cache, for its command's name: nothing is to be
// built, the command is to start. Where there is no addon yet it says so.
const forCommand = isClone && npm_command === 'exec'
const fromSource = isClone || QWEN3GUARD_CMAKE || LLAMA_CPP_DIR
const why = fromSource || forCommand ? null : whyNot()
const missing = why === null ? null : missingTools()
if (forCommand) log('the command of this clone, as it was built')
else if (missing) fail(new BuildError(`${why}\n${missing}`))
else if (fromSource || why !== null) {
  if (why !== null) log(`${why}\nSo it is built from source.`)
  await buildAddons().catch(fail)
}
