// `npm run lint:native [-- FILE…]`: clang-tidy over native/ (not llama.cpp), with the checks that .clang-tidy explains. Every file
// takes some seconds, so it is not part of `npm run lint`; without clang-tidy it says so, and passes.
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildTools } from './build-tools.mjs'
import { llamaSource } from './llama-source.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const log = (text) => process.stderr.write(`qwen3guard: ${text}\n`)

// Checks differ between versions: the newest that Debian and Ubuntu have under a name of its own goes first.
const clangTidy = ['clang-tidy-19', 'clang-tidy-18', 'clang-tidy'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
)

/** As CMakeLists.txt compiles them; `-isystem`: what others wrote is read, and not judged. */
function flags() {
  const llama = llamaSource(log)
  const nodeApi = path.dirname(fileURLToPath(import.meta.resolve('node-api-headers/package.json')))
  const others = [
    ...['include', 'ggml/include', 'ggml/src', 'ggml/src/ggml-cpu'].map((folder) => path.join(llama, folder)),
    path.join(nodeApi, 'include'),
    buildTools(log).nodeAddonApi,
  ]
  const defined = [
    'NAPI_VERSION=9',
    'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
    'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  ]
  const texts = ['LLAMA_TAG', 'PATCH', 'SOURCE', 'FLAVOUR'].map((name) => `QWEN3GUARD_${name}=""`)
  // The kernels of newer CPUs, not what emulates them. Nothing is run.
  const cpu =
    process.arch === 'x64'
      ? [
          '-march=x86-64-v4',
          '-mavx512vnni',
          '-mavxvnni',
          '-mamx-tile',
          '-mamx-int8',
          '-mamx-bf16',
          '-mavx512bf16',
        ]
      : []
  return [
    '-std=c++17',
    '-Inative',
    ...others.flatMap((folder) => ['-isystem', folder]),
    ...[...defined, ...texts].map((definition) => `-D${definition}`),
    ...cpu,
  ]
}

/** What clang-tidy says of a file; '' where it finds nothing. */
function findings(file, words) {
  return new Promise((resolve, reject) => {
    const child = spawn(clangTidy, ['--quiet', file, '--', ...words], { cwd: root })
    let said = ''
    let error = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      error += text
    })
    child.on('error', reject)
    child.on('close', (code) =>
      resolve(code === 0 ? said : `${said || error}\n${file}: clang-tidy ended with ${code}`),
    )
  })
}

async function main() {
  if (!clangTidy) return log('lint:native: no clang-tidy here (apt-get install clang-tidy-19): not checked')
  const asked = process.argv.slice(2)
  const files =
    asked.length > 0
      ? asked
      : readdirSync(path.join(root, 'native'), { recursive: true })
          .filter((name) => name.endsWith('.cc'))
          .sort()
          .map((name) => path.join('native', name))
  const waiting = [...files]
  const words = flags()
  let found = 0
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const said = (await findings(file, words)).trim()
      if (said === '') continue
      found += 1
      process.stderr.write(`${said}\n`)
    }
  }
  const started = Date.now()
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  log(
    `lint:native: ${files.length} files in ${Math.round((Date.now() - started) / 1000)} s, findings in ${found}`,
  )
  process.exitCode = found === 0 ? 0 : 1
}

await main()
