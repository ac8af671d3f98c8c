// Copies the declarations to dist/cjs, as those of CommonJS modules: the second step of `npm run build:ts`. Node requires the
// package's ES modules as they are; TypeScript under `module: node16` believes that of CommonJS declarations alone.
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const dist = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'dist')
const target = path.join(dist, 'cjs')

// Neither is imported from outside.
const INTERNAL = ['cjs', 'cli', 'trials']

rmSync(target, { recursive: true, force: true })
for (const name of readdirSync(dist, { recursive: true })) {
  if (!name.endsWith('.d.ts') || INTERNAL.includes(name.split(path.sep)[0])) continue
  mkdirSync(path.dirname(path.join(target, name)), { recursive: true })
  copyFileSync(path.join(dist, name), path.join(target, name))
}
writeFileSync(path.join(target, 'package.json'), '{ "type": "commonjs" }\n')
