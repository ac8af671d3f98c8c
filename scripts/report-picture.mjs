// Writes docs/report.png, or PICTURE: the top of an evaluation's report, as a browser shows it.
// Usage: node scripts/report-picture.mjs DATA… [--model M] [--picture PICTURE]   (else as of `qwen3guard eval`)
// Needs Chromium (CHROMIUM_PATH, or `chromium` on the PATH) and playwright-core.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const root = fileURLToPath(new URL('..', import.meta.url))
const arguments_ = process.argv.slice(2)
const at = arguments_.indexOf('--picture')
const [, picture] = at < 0 ? [] : arguments_.splice(at, 2)
if (arguments_.length === 0 || (at >= 0 && picture === undefined)) {
  console.error('usage: node scripts/report-picture.mjs DATA… [--model M] [--picture PICTURE]')
  process.exit(2)
}
const path = picture ?? join(root, 'docs/report.png')
const folder = mkdtempSync(join(tmpdir(), 'report-picture-'))
const report = join(folder, 'report.html')
try {
  execFileSync(
    process.execPath,
    [join(root, 'dist/cli/main.js'), 'eval', ...arguments_, '--report', report],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  const executablePath =
    process.env.CHROMIUM_PATH ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  const page = await browser.newPage({ viewport: { width: 1100, height: 1720 }, colorScheme: 'light' })
  await page.goto(pathToFileURL(report).href)
  await page.screenshot({ path })
  await browser.close()
  console.log(path)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
