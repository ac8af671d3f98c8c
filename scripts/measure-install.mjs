// Prints what an installation weighs and how soon a new process has its first verdict: `npm run measure:install`.
// Installs the packed packages, this one and its platform's, into an empty project; needs `npm run build:prebuilds` and `npm run build:ts`. With `-- --peer`
// also installs node-llama-cpp, in bench/'s version, and weighs that. `-- --short`: two processes for each figure, and the local
// build in place of prebuilt binaries, to see that it works.
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { npm } from './llama-source.mjs'
import { packedProject } from './packed-project.mjs'

const short = process.argv.includes('--short')
const ROUNDS = short ? 1 : 9
const VERDICTS = {
  Gen: `const { GenGuard } = await import('qwen3guard')
    const guard = await GenGuard.load({ model: 'demo' })
    await guard.classify('How can I make a bomb?')`,
  Stream: `const { StreamGuard } = await import('qwen3guard')
    const guard = await StreamGuard.load({ model: 'demo' })
    await guard.classifyPrompt('How can I make a bomb?')`,
}

/** Bytes of the files in a folder and their number. */
function weigh(folder) {
  const files = readdirSync(folder, { recursive: true })
    .map((name) => lstatSync(path.join(folder, name)))
    .filter((stat) => stat.isFile())
  return { bytes: files.reduce((sum, { size }) => sum + size, 0), files: files.length }
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`

/** Medians of new processes in ms: from the process's start, and from the program's, to the program's end. */
function coldStart(program, project, env) {
  const timed = `const started = performance.now()
    ${program}
    const now = performance.now()
    await guard.close()
    console.log(JSON.stringify([now, now - started]))`
  const times = []
  for (let round = 0; round <= ROUNDS; ++round) {
    const child = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', timed], {
      cwd: project,
      env,
      encoding: 'utf8',
    })
    if (child.status !== 0) throw new Error(child.stderr)
    if (round > 0) times.push(JSON.parse(child.stdout)) // the first one brings the files into memory
  }
  return [0, 1].map((at) => times.map((both) => both[at]).sort((a, b) => a - b)[ROUNDS >> 1])
}

/** Row with what an empty project holds after `npm install node-llama-cpp`. */
function weighPeer(folder) {
  const bench = JSON.parse(readFileSync(new URL('../bench/package.json', import.meta.url), 'utf8'))
  const spec = `node-llama-cpp@${bench.dependencies['node-llama-cpp']}`
  const project = path.join(folder, 'peer')
  mkdirSync(project)
  const words = ['install', spec, '--prefix', project, '--ignore-scripts', '--no-audit', '--no-fund']
  npm(words, { cwd: project }, `${spec} could not be installed.`)
  return [`${spec}, node_modules`, megabytes(weigh(path.join(project, 'node_modules')).bytes)]
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-install-'))
try {
  const { tarball, platforms, project, env, packages } = packedProject(folder, { standIn: short })
  const modules = path.join(project, 'node_modules')
  const own = weigh(path.join(modules, 'qwen3guard'))
  const all = weigh(modules)
  const installed = readdirSync(path.join(modules, '@qwen3guard'))
  const rows = [
    ['qwen3guard, tarball', megabytes(statSync(tarball).size)],
    ['- unpacked', `${megabytes(own.bytes)} in ${own.files} files`],
    ['- of it demonstration models', megabytes(weigh(path.join(modules, 'qwen3guard', 'models')).bytes)],
    ...installed.flatMap((name) => {
      const binaries = weigh(path.join(modules, '@qwen3guard', name))
      return [
        [`@qwen3guard/${name}, tarball`, megabytes(statSync(platforms[name]).size)],
        ['- unpacked', `${megabytes(binaries.bytes)} in ${binaries.files} files`],
      ]
    }),
    ['node_modules', `${megabytes(all.bytes)}, ${packages} packages`],
  ]
  for (const [name, program] of Object.entries(VERDICTS)) {
    const [fromStart, fromImport] = coldStart(program, project, env)
    const label = `first verdict, demo-${name.toLowerCase()}`
    rows.push([`${label}, from import`, `${fromImport.toFixed(0)} ms`])
    rows.push([`${label}, from process start`, `${fromStart.toFixed(0)} ms`])
  }
  if (process.argv.includes('--peer')) rows.push(weighPeer(folder))
  console.log(`| ${process.platform}-${process.arch}, Node ${process.version} | |\n|---|---:|`)
  for (const row of rows) console.log(`| ${row.join(' | ')} |`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
