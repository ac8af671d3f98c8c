import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (...names: string[]) => readFileSync(path.join(ROOT, ...names), 'utf8')

interface Locked {
  version: string
  license?: string
  integrity?: string
  dev?: boolean
  devOptional?: boolean
  peer?: boolean
  hasInstallScript?: boolean
}

/** What a user of the package gets, by the lockfile. */
const shipped = Object.entries(
  (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }).packages,
).filter(([where, { dev, devOptional, peer }]) => where && !(dev || devOptional || peer))

/** Licences that ask for no more than their text and, for Apache's, what was changed. */
const ALLOWED = ['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Unlicense', 'CC0-1.0']

describe('the production dependencies', () => {
  it('have licences of the list, each as its own manifest says', () => {
    expect(shipped.length).toBeGreaterThan(10)
    const others = shipped.filter(([where, { license = 'none' }]) => {
      const manifest = path.join(where, 'package.json')
      // Optional ones need not be here.
      const own = existsSync(path.join(ROOT, manifest)) ? JSON.parse(read(manifest)).license : license
      return !ALLOWED.includes(license) || own !== license
    })
    expect(others.map(([where, { license }]) => `${where}: ${license}`)).toEqual([])
  })

  it('run no install scripts, and are pinned by a hash', () => {
    expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([])
    expect(shipped.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([])
  })

  it('each have their reason in docs/supply-chain.md', () => {
    const table = read('docs', 'supply-chain.md')
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
    expect(Object.keys(dependencies).filter((name) => !table.includes(`| \`${name}\` |`))).toEqual([])
  })
})

describe('npm run sbom', () => {
  const print = () =>
    execFileSync(process.execPath, ['scripts/sbom.mjs'], { cwd: ROOT, encoding: 'utf8', env: sameEnv })
  const { SOURCE_DATE_EPOCH: _, ...sameEnv } = process.env
  const text = print()
  const bom = JSON.parse(text) as {
    bomFormat: string
    metadata: { component: { name: string } }
    components: {
      name: string
      purl?: string
      pedigree?: { commits: { uid: string }[]; patches: { diff: { url: string } }[] }
    }[]
    dependencies: { ref: string; dependsOn: string[] }[]
  }

  it('lists every production dependency, and no other package of the registry but node-addon-api', () => {
    expect([bom.bomFormat, bom.metadata.component.name]).toEqual(['CycloneDX', 'qwen3guard'])
    const listed = bom.components.filter(({ purl }) => purl?.startsWith('pkg:npm/')).map(({ name }) => name)
    const wanted = shipped.map(([where]) => where.split('node_modules/').at(-1)!)
    expect(listed.sort()).toEqual([...wanted, 'node-addon-api'].sort())
  })

  it('has llama.cpp at the pinned commit with every patch, and the demonstration models', () => {
    const { commit } = JSON.parse(read('native', 'llama.json')) as { commit: string }
    const llama = bom.components.find(({ name }) => name === 'llama.cpp')
    expect(llama?.pedigree?.commits.map(({ uid }) => uid)).toEqual([commit])
    const patches = readdirSync(path.join(ROOT, 'native', 'patches')).filter((name) =>
      name.endsWith('.patch'),
    )
    expect(llama?.pedigree?.patches.map(({ diff }) => path.posix.basename(diff.url))).toEqual(patches.sort())
    const names = bom.components.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['models/demo-gen.gguf', 'models/demo-stream.gguf']))
  })

  it('gives the same bytes again', () => {
    expect(print()).toBe(text)
  })
})
