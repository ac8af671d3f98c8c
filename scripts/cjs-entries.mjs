// Makes dist/cjs, the second step of `npm run build:ts`: for each entry of the package a CommonJS module that requires the ES
// module, and the declarations as those of CommonJS modules. Node could require the ES modules as they are; TypeScript under
// `module: node16` believes that of CommonJS alone.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const dist = path.join(root, 'dist')
const target = path.join(dist, 'cjs')

// Neither is imported from outside.
const INTERNAL = ['cjs', 'cli', 'playground', 'trials']

rmSync(target, { recursive: true, force: true })
for (const name of readdirSync(dist, { recursive: true })) {
  if (!name.endsWith('.d.ts') || INTERNAL.includes(name.split(path.sep)[0])) continue
  mkdirSync(path.dirname(path.join(target, name)), { recursive: true })
  copyFileSync(path.join(dist, name), path.join(target, name))
}
const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
for (const entry of Object.values(exports)) {
  const required = entry.require?.default
  if (!required) continue
  const file = path.join(root, required)
  const module = path.relative(path.dirname(file), path.join(root, entry.default)).replaceAll('\\', '/')
  writeFileSync(file, `'use strict'\nmodule.exports = require('${module}')\n`)
}
writeFileSync(path.join(target, 'package.json'), '{ "type": "commonjs" }\n')
