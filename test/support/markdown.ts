import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A fenced block of a Markdown file. */
export interface CodeBlock {
  /** `js`, `sh`, `yaml`, …; empty where the fence names none. */
  language: string
  code: string
  /** The file that the block is, by a comment on its first line (`// chat.mjs`) or behind the fence's language; else null. */
  file: string | null
  /** Line of the fence, from 1. */
  line: number
}

/** A comment that is a file's name and nothing else. */
const FILE_NAME = /^(?:\/\/|#) ((?:[\w.-]+\/)*(?:[\w.-]+\.\w+|Dockerfile))$/

/** The fenced blocks of a Markdown file, in order. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open: { language: string; named: string | null; lines: string[]; line: number } | null = null
  markdown.split('\n').forEach((text, at) => {
    const fence = /^```(\S*) ?(\S*)$/.exec(text)
    if (!open) {
      if (fence) open = { language: fence[1] ?? '', named: fence[2] || null, lines: [], line: at + 1 }
      return
    }
    if (!fence) {
      open.lines.push(text)
      return
    }
    const file = open.named ?? FILE_NAME.exec(open.lines[0] ?? '')?.[1] ?? null
    blocks.push({ language: open.language, code: `${open.lines.join('\n')}\n`, file, line: open.line })
    open = null
  })
  return blocks
}

export function readMarkdown(name: string): string {
  return readFileSync(path.join(ROOT, name), 'utf8')
}

/**
 * A project's folder that is removed after the tests of the file: this package is installed in it by a link, with its
 * command, and `openai` in the version that this Node runs. It lies inside the package, whose other packages it finds.
 */
export function projectFolder(): string {
  mkdirSync(path.join(ROOT, 'build'), { recursive: true })
  const folder = mkdtempSync(path.join(ROOT, 'build', 'docs-'))
  const modules = path.join(folder, 'node_modules')
  mkdirSync(path.join(modules, '.bin'), { recursive: true })
  symlinkSync(ROOT, path.join(modules, 'qwen3guard'), 'junction')
  const openai = Number(process.versions.node.split('.')[0]) < 22 ? 'openai-6' : 'openai'
  symlinkSync(path.join(ROOT, 'node_modules', openai), path.join(modules, 'openai'), 'junction')
  const main = path.join(ROOT, 'dist', 'cli', 'main.js')
  const command = `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`
  writeFileSync(path.join(modules, '.bin', 'qwen3guard'), command, { mode: 0o755 })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes the blocks that are files into a project folder of their own, exactly as they stand. */
export function projectOf(markdownFile: string): { folder: string; blocks: CodeBlock[] } {
  const folder = projectFolder()
  const blocks = codeBlocks(readMarkdown(markdownFile))
  for (const { file, code } of blocks) {
    if (file === null) continue
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    writeFileSync(path.join(folder, file), code)
  }
  return { folder, blocks }
}
