// Writes docs/playground.png: the playground in the middle of an example, as a browser shows it.
// Usage: npm run build:ts && node scripts/playground-picture.mjs [--picture FILE]
// Needs Chromium (CHROMIUM_PATH, or `chromium` on the PATH) and playwright-core.
import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({
  options: { picture: { type: 'string', default: join(root, 'docs/playground.png') } },
})
const server = spawn(
  process.execPath,
  [join(root, 'dist/cli/main.js'), 'serve', '--port', '0', '--gpu', 'off', '--json'],
  { stdio: ['ignore', 'pipe', 'ignore'] },
)
try {
  let said = ''
  for await (const text of server.stdout.setEncoding('utf8')) {
    said += text
    if (said.includes('\n')) break
  }
  const { url } = JSON.parse(said)
  const executablePath =
    process.env.CHROMIUM_PATH ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  const page = await browser.newPage({ viewport: { width: 1280, height: 1020 }, colorScheme: 'light' })
  await page.goto(url)
  await page.locator('#outcome', { hasText: /^Cut after/ }).waitFor()
  await page.locator('#play', { hasText: 'Play' }).waitFor()
  await page.waitForTimeout(1500)
  await page.locator('#tokens').focus()
  await page.keyboard.press('n')
  await page.locator('h1').click()
  await page.screenshot({ path: values.picture })
  await browser.close()
  console.log(values.picture)
} finally {
  server.kill()
}
