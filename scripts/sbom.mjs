// Prints what the package is made of, as CycloneDX: `npm run --silent sbom > qwen3guard.cdx.json`.
//
// The production dependencies as `npm sbom` lists them from the lockfile, and what no lockfile knows: llama.cpp at its pinned
// commit with the patches on it, what else is compiled into the addon, and the demonstration models. The same commit gives the
// same bytes: there is no serial number, and a time only where SOURCE_DATE_EPOCH says it.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { npm } from './llama-source.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const readJson = (...names) => JSON.parse(readFileSync(path.join(root, ...names), 'utf8'))
const sha256 = (...names) =>
  createHash('sha256')
    .update(readFileSync(path.join(root, ...names)))
    .digest('hex')
const licences = (...ids) => ids.map((id) => ({ license: { id } }))

function llama() {
  const { tag, commit, package: carrier, version, integrity } = readJson('native', 'llama.json')
  const patches = readdirSync(path.join(root, 'native', 'patches'))
    .filter((name) => name.endsWith('.patch'))
    .sort()
  return {
    'bom-ref': `llama.cpp@${commit}`,
    type: 'library',
    name: 'llama.cpp',
    version: tag,
    scope: 'required',
    description: 'Inference library with ggml, compiled into the addon; its source comes in an npm package.',
    purl: `pkg:github/ggml-org/llama.cpp@${commit}`,
    // The carrier's hash, which the build checks before it reads the source.
    externalReferences: [
      { type: 'vcs', url: 'https://github.com/ggml-org/llama.cpp' },
      {
        type: 'distribution',
        url: `https://registry.npmjs.org/${carrier}/-/${carrier}-${version}.tgz`,
        hashes: [
          {
            alg: 'SHA-512',
            content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex'),
          },
        ],
      },
    ],
    licenses: licences('MIT'),
    pedigree: {
      commits: [{ uid: commit, url: `https://github.com/ggml-org/llama.cpp/commit/${commit}` }],
      patches: patches.map((name) => ({ type: 'unofficial', diff: { url: `native/patches/${name}` } })),
    },
    properties: patches.map((name) => ({
      name: `qwen3guard:patch:sha256:${name}`,
      value: sha256('native', 'patches', name),
    })),
  }
}

/** Headers that are compiled in; a development dependency, of which `npm sbom --omit dev` says nothing. */
function nodeAddonApi() {
  const name = 'node-addon-api'
  const { version, integrity } = readJson('package-lock.json').packages[`node_modules/${name}`]
  return {
    'bom-ref': `${name}@${version}`,
    type: 'library',
    name,
    version,
    scope: 'required',
    description: 'C++ headers over Node-API, compiled into the addon.',
    purl: `pkg:npm/${name}@${version}`,
    hashes: [
      { alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') },
    ],
    licenses: licences('MIT'),
  }
}

function models() {
  return readdirSync(path.join(root, 'models'))
    .filter((name) => name.endsWith('.gguf'))
    .sort()
    .map((name) => ({
      'bom-ref': `models/${name}`,
      type: 'machine-learning-model',
      name: `models/${name}`,
      description: 'Demonstration model, which protects nobody.',
      hashes: [{ alg: 'SHA-256', content: sha256('models', name) }],
      licenses: licences('Apache-2.0'),
    }))
}

/** `name@version` of what a user of this package gets from the lockfile. */
function production() {
  const entries = Object.entries(readJson('package-lock.json').packages)
  const shipped = entries.filter(
    ([where, { dev, devOptional, peer }]) => where && !(dev || devOptional || peer),
  )
  return new Set(shipped.map(([where, { version }]) => `${where.split('node_modules/').at(-1)}@${version}`))
}

/**
 * npm's list, of which the production dependencies are kept here: `--omit dev` of npm 11 drops those that a development
 * dependency has as a peer as well (hono).
 */
function ofNpm() {
  const words = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only']
  const { serialNumber: _serial, ...bom } = JSON.parse(npm(words, { cwd: root }, 'npm made no SBOM.'))
  const shipped = production()
  const own = bom.metadata.component['bom-ref']
  const components = bom.components.filter((component) => shipped.has(component['bom-ref']))
  if (components.length !== shipped.size)
    throw new Error(`npm lists ${components.length} production dependencies, the lockfile ${shipped.size}`)
  const dependencies = bom.dependencies
    .filter(({ ref }) => ref === own || shipped.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((name) => shipped.has(name)) }))
  const { timestamp: _time, ...metadata } = bom.metadata
  const epoch = process.env.SOURCE_DATE_EPOCH
  return {
    ...bom,
    components,
    dependencies,
    metadata: {
      ...(epoch && { timestamp: new Date(Number(epoch) * 1000).toISOString() }),
      ...metadata,
      // npm gives the folder's name.
      component: { ...metadata.component, name: readJson('package.json').name },
    },
  }
}

const bom = ofNpm()
const own = bom.metadata.component['bom-ref']
const compiledIn = [llama(), nodeAddonApi()]
bom.components = [...bom.components, ...compiledIn, ...models()]
bom.dependencies = [
  ...bom.dependencies.map((entry) =>
    entry.ref === own
      ? { ...entry, dependsOn: [...entry.dependsOn, ...compiledIn.map((component) => component['bom-ref'])] }
      : entry,
  ),
  ...compiledIn.map((component) => ({ ref: component['bom-ref'], dependsOn: [] })),
]
console.log(JSON.stringify(bom, null, 2))
