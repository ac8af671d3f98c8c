// Prints what an installation weighs and how soon a new process has its first verdict: `npm run measure:install`.
// Installs the packed package into an empty project; needs `npm run prebuild` and `npm run build:ts`.
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { packedProject } from './packed-project.mjs'

const ROUNDS = 9
const VERDICTS = {
  Gen: `import { GenGuard } from 'qwen3guard'
    const guard = await GenGuard.load()
    await guard.classify('How can I make a bomb?')`,
  Stream: `import { StreamGuard } from 'qwen3guard'
    const guard = await StreamGuard.load()
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

/** Milliseconds from the start of a new process to the end of the program, median. */
function coldStart(program, project, env) {
  const times = []
  for (let round = 0; round <= ROUNDS; ++round) {
    const timed = `${program}\nconsole.log(performance.now()); await guard?.close()`
    const child = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', timed], {
      cwd: project,
      env,
      encoding: 'utf8',
    })
    if (child.status !== 0) throw new Error(child.stderr)
    if (round > 0) times.push(Number(child.stdout)) // the first one brings the files into memory
  }
  return times.sort((a, b) => a - b)[ROUNDS >> 1]
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-install-'))
try {
  const { tarball, project, env, packages } = packedProject(folder)
  const modules = path.join(project, 'node_modules')
  const own = weigh(path.join(modules, 'qwen3guard'))
  const all = weigh(modules)
  const rows = [
    ['tarball', megabytes(statSync(tarball).size)],
    ['unpacked', `${megabytes(own.bytes)} in ${own.files} files`],
    ['- prebuilt binaries', megabytes(weigh(path.join(modules, 'qwen3guard', 'prebuilds')).bytes)],
    ['- demonstration models', megabytes(weigh(path.join(modules, 'qwen3guard', 'models')).bytes)],
    ['node_modules', `${megabytes(all.bytes)}, ${packages} packages`],
    ['an empty program', `${coldStart('const guard = undefined', project, env).toFixed(0)} ms`],
  ]
  for (const [name, program] of Object.entries(VERDICTS)) {
    rows.push([
      `first verdict, demo-${name.toLowerCase()}`,
      `${coldStart(program, project, env).toFixed(0)} ms`,
    ])
  }
  console.log(`| ${process.platform}-${process.arch}, Node ${process.version} | |\n|---|---:|`)
  for (const row of rows) console.log(`| ${row.join(' | ')} |`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
