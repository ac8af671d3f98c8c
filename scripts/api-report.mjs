// Writes the public surface, a report for each entry of `exports`, into test/package/api: `npm run api:report`. With --check it
// only says what differs (test/package/api.test.ts). Reads dist/: run `npm run build:ts` first. A change of a report is a change
// for users, to be seen in review and named in CHANGELOG.md.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const folder = path.join(root, 'test', 'package', 'api')
const { exports: entries } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))

const none = { default: { logLevel: 'none' } }

function extract(types, name, into) {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: types,
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'ES2022',
            lib: ['ES2023', 'ESNext.Disposable'],
            module: 'NodeNext',
            moduleResolution: 'NodeNext',
            types: ['node'],
            strict: true,
            skipLibCheck: true,
          },
          include: [types],
        },
      },
      apiReport: {
        enabled: true,
        // Types that are not exported by name but reach users through those that are.
        includeForgottenExports: true,
        reportFileName: `${name}.api.md`,
        reportFolder: into,
        reportTempFolder: path.join(into, 'temp'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        extractorMessageReporting: none,
        tsdocMessageReporting: none,
        compilerMessageReporting: { default: { logLevel: 'error' } },
      },
    },
    packageJsonFullPath: path.join(root, 'package.json'),
  })
  const errors = []
  const { errorCount } = Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      if (message.logLevel === 'error') errors.push(message.text)
      message.handled = true
    },
  })
  if (errorCount > 0) throw new Error(`${types}: ${errors.join('\n')}`)
  return readFileSync(path.join(into, `${name}.api.md`), 'utf8')
}

/**
 * What users see of a report: no comments, which change without the surface; no members marked @internal, no parameters called
 * internal, and no types that only those name.
 */
function surface(report, name) {
  const code = report.slice(report.indexOf('```ts') + 5, report.lastIndexOf('```'))
  const declarations = code
    .replace(/^ *\/\/ @internal.*\n.*\n/gm, '')
    .replace(/, internal\?: \w+/g, '')
    .replace(/^ *\/\/.*\n/gm, '')
    .replace(/^ *\/\*\*.*?\*\/\n/gms, '')
    .split(/\n{2,}(?=\S)/)
    .map((text) => ({
      text: text.trim(),
      name: /(?:class|interface|type|function|const) (\w+)/.exec(text)?.[1],
    }))
    .filter(({ text }) => text !== '')
  const reached = new Set(declarations.filter(({ text }) => /^(export|import) /.test(text)))
  for (const { text } of reached) {
    const words = new Set(text.match(/\w+/g))
    for (const one of declarations) if (words.has(one.name)) reached.add(one)
  }
  const said = declarations.filter((one) => reached.has(one)).map(({ text }) => text)
  return `# ${name}\n\nWritten by \`npm run api:report\`: the public surface, so that a change of it shows in review.\n\n\`\`\`ts\n${said.join('\n\n')}\n\`\`\`\n`
}

const check = process.argv.includes('--check')
const into = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-api-'))
try {
  mkdirSync(folder, { recursive: true })
  for (const [entry, { types }] of Object.entries(entries)) {
    if (!types) continue
    const name = entry === '.' ? 'index' : entry.slice(2)
    const text = surface(extract(path.join(root, types), name, into), path.posix.join('qwen3guard', entry))
    const file = path.join(folder, `${name}.api.md`)
    const old = existsSync(file) ? readFileSync(file, 'utf8') : ''
    if (old === text) continue
    if (!check) {
      writeFileSync(file, text)
      console.log(`${path.relative(root, file)} is written anew`)
      continue
    }
    const [before, after] = [old, text].map((one) => new Set(one.split('\n')))
    for (const line of before) if (!after.has(line)) console.log(`${name}: - ${line}`)
    for (const line of after) if (!before.has(line)) console.log(`${name}: + ${line}`)
    process.exitCode = 1
  }
} finally {
  rmSync(into, { recursive: true, force: true })
}
if (process.exitCode === 1)
  console.log('The public surface has changed: `npm run api:report`, and a line in CHANGELOG.md.')
