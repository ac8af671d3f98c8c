import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

// Paths of this repository that Markdown and comments name: a file that moves leaves no word of its old place behind.
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PATH =
  /(?<![\w./@:~$-])(?:\.\/)?((?:lib|native|test|scripts|docs|bench|models|\.github|\.ci)\/[\w.*/-]*[\w*/])/g
const COMMENT = /(?:^|\s)(?:\/\/|\/?\*\*?|#)(.*)$/

/** Not read: what others wrote, and data. */
const SKIPPED = /^(test\/fixtures\/|package-lock\.json|CHANGELOG\.md|native\/patches\/.*\.patch)/

const tracked = execFileSync('git', ['ls-files', '-coz', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\0')
  .filter(Boolean)
const files = tracked.filter((file) => !SKIPPED.test(file) && existsSync(path.join(ROOT, file)))
const known = new Set(
  files.flatMap((file) => [file, ...file.split('/').map((_, at, parts) => parts.slice(0, at).join('/'))]),
)

function isThere(named: string): boolean {
  const name = named.replace(/\/$/, '')
  if (!name.includes('*')) return known.has(name) || existsSync(path.join(ROOT, name))
  const glob = name
    .split('*')
    .map((part) => part.replaceAll('.', '\\.'))
    .join('[^/]*')
  const pattern = new RegExp(`^${glob}$`)
  return [...known].some((one) => pattern.test(one))
}

/** What matches in a file's prose, each with its place before it. */
function namedIn(file: string, pattern: RegExp): string[] {
  const lines = readFileSync(path.join(ROOT, file), 'utf8').split('\n')
  const prose = /\.md$/.test(file) ? lines : lines.map((line) => COMMENT.exec(line)?.[1] ?? '')
  return prose.flatMap((line, at) =>
    [...line.matchAll(pattern)].map(([, name]) => `${file}:${at + 1}: ${name}`),
  )
}

const read = files.filter((file) =>
  /\.(md|ts|mjs|py|cc|h|txt|yml|json|jinja)$|^\.ci\/run$|^binding\.gyp$/.test(file),
)
const named = read.flatMap((file) => namedIn(file, PATH))

it('finds paths', () => expect(named.length).toBeGreaterThan(100))

it('are there, each that Markdown or a comment names', () => {
  expect(named.filter((line) => !isThere(line.split(': ')[1]!))).toEqual([])
})

it('are there, each file that is named without its folder', () => {
  const names = new Set(files.map((file) => path.posix.basename(file)))
  // Programs in Markdown, which begin with their names.
  for (const file of files.filter((name) => name.endsWith('.md'))) {
    const programs = readFileSync(path.join(ROOT, file), 'utf8').matchAll(/^(?:\/\/|#) ([\w-]+\.\w+)$/gm)
    for (const [, name] of programs) names.add(name!)
  }
  const alone = read.flatMap((file) => namedIn(file, /(?<![\w./-])([\w-]+\.(?:ts|mjs|py))\b/g))
  expect(alone.filter((line) => !names.has(line.split(': ')[1]!))).toEqual([])
})

/** Headings as GitHub makes anchors of them: those of the same words are numbered from the second on. */
function anchors(markdown: string): string[] {
  const headings = markdown.match(/^#{1,6} .*$/gm) ?? []
  const seen = new Map<string, number>()
  return headings.map((heading) => {
    const anchor = heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-')
    const before = seen.get(anchor) ?? 0
    seen.set(anchor, before + 1)
    return before === 0 ? anchor : `${anchor}-${before}`
  })
}

it('are there, each that a link in Markdown leads to, with its heading', () => {
  const broken: string[] = []
  for (const file of files.filter((name) => name.endsWith('.md'))) {
    const text = readFileSync(path.join(ROOT, file), 'utf8').replace(/^```.*?^```/gms, '')
    for (const [, link] of text.matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)) {
      const [target, anchor] = link!.split('#')
      const place = target ? path.join(path.dirname(path.join(ROOT, file)), target) : path.join(ROOT, file)
      const found =
        existsSync(place) && (anchor === undefined || anchors(readFileSync(place, 'utf8')).includes(anchor))
      if (!found) broken.push(`${file}: ${link}`)
    }
  }
  expect(broken).toEqual([])
})
