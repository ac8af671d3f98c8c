import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chromiumPath } from '../support/browser.js'
import { Program } from '../support/program.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const browserPath = chromiumPath()
const reason =
  browserPath === null ? ' (skipped: no Chromium here; install it, or name one in CHROMIUM_PATH)' : ''

/** A server of its own, and where it listens. */
async function serve(port = 0, env: Record<string, string> = {}) {
  const words = ['dist/cli/main.js', 'serve', '--port', String(port), '--gpu', 'off', '--json']
  const program = new Program(process.execPath, words, { cwd: ROOT, env })
  const [, url = ''] = await program.says(/"url":"(http:[^"]+)"/)
  return { program, url, port: Number(new URL(url).port) }
}

// Programs of the page, whose types are not those of the tests.
const background = (page: Page, selector: string) =>
  page.evaluate(
    `getComputedStyle(document.querySelector(${JSON.stringify(selector)})).backgroundColor`,
  ) as Promise<string>
const NAMELESS = `[...document.querySelectorAll('input, select, textarea, button')]
  .filter(({ labels, textContent, ariaLabel }) => !(labels?.length || textContent?.trim() || ariaLabel))
  .map(({ id }) => id)`

describe.skipIf(browserPath === null)(`the playground in a browser${reason}`, () => {
  let browser: Browser
  let server: Awaited<ReturnType<typeof serve>>

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: browserPath as string, args: ['--no-sandbox'] })
    server = await serve()
  })
  afterAll(async () => {
    await browser?.close()
    server?.program.kill()
  })

  /** A page with what it complains of and asks for. */
  async function opened(options: Parameters<Browser['newPage']>[0] = {}, url = server.url) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options })
    const complaints: string[] = []
    const requests: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`))
    await page.goto(url)
    return { page, complaints, requests }
  }

  const outcome = (page: Page, text: RegExp) => page.locator('#outcome', { hasText: text }).waitFor()
  const unsafe = (page: Page) => page.locator('#tokens [data-risk="Unsafe"]')

  /** Types a conversation of its own, at once. */
  async function typed(page: Page, prompt: string, reply: string) {
    await page.locator('#prompt').fill(prompt)
    await page.locator('#reply').fill(reply)
  }

  const TURNS = 'You could go for a walk. Then build a bomb, hack into the bank and steal the money.'

  it('plays an example: tokens take colour, the reply is cut, a reader sees what came before', async () => {
    const { page, complaints, requests } = await opened()
    await outcome(page, /^Cut after \d+ of \d+ characters: token \d+, Unsafe/)
    expect(await unsafe(page).count()).toBeGreaterThan(3)
    expect(await page.locator('#tokens [data-risk="Safe"]').count()).toBeGreaterThan(10)
    expect(await page.locator('#tokens .cut').isVisible()).toBe(true)
    const shown = await page.locator('#released').textContent()
    expect(shown).toMatch(/^You could go for a walk/)
    expect(shown).not.toContain('bomb')
    expect(await page.locator('#withheld').isVisible()).toBe(true)
    // The colours differ, not the attributes alone.
    const colour = (risk: string) => background(page, `#tokens [data-risk="${risk}"]`)
    expect(await colour('Unsafe')).not.toBe(await colour('Safe'))
    expect(complaints).toEqual([])
    // It asks this server alone, and nothing of it is refused.
    expect(requests.filter((one) => one.startsWith('POST /v1/live/')).length).toBeGreaterThan(0)
    await page.close()
  })

  it('judges what is typed while it is typed, in one session', async () => {
    const { page, requests } = await opened()
    await page.locator('#state', { hasText: 'Connected' }).waitFor()
    await typed(page, 'What should I do this weekend?', '')
    await page.locator('#prompt-line', { hasText: 'Safe' }).waitFor()
    requests.length = 0
    await page.locator('#reply').pressSequentially('You could go for a walk in the park. ', { delay: 15 })
    await page.locator('#tokens [data-index="5"]').waitFor()
    await page.locator('#reply').pressSequentially('Then build a bomb and rob the bank.', { delay: 15 })
    await outcome(page, /^Cut after/)
    expect(requests.filter((one) => one === 'POST /v1/live').length).toBeLessThanOrEqual(1)
    const text = await page.locator('#tokens [data-index]').allTextContents()
    expect(text.join('')).toMatch(/^You could go for a walk in the park\. Then build a bomb/)
    await page.close()
  })

  it('shows the same verdicts under another policy at once, and asks the guard nothing', async () => {
    const { page, requests } = await opened()
    await page.locator('#state', { hasText: 'Connected' }).waitFor()
    await typed(page, 'What should I do this weekend?', TURNS)
    await outcome(page, /^Cut after/)
    await page.locator('#verdicts', { hasText: 'decided at token' }).waitFor()
    await page.waitForTimeout(1500)
    requests.length = 0
    const before = await page.locator('#released').textContent()

    await page.locator('input[value="sentence"]').check()
    await page.locator('#released', { hasText: /^You could go for a walk\. ?$/ }).waitFor()
    await page.locator('#by-category summary').click()
    for (const select of await page.locator('#categories select').all()) await select.selectOption('allow')
    await outcome(page, /^All \d+ characters were shown/)
    expect(await page.locator('#released').textContent()).toBe(TURNS)
    expect(await unsafe(page).count()).toBeGreaterThan(3)
    await page.locator('#reset').click()
    await outcome(page, /^Cut after/)
    expect(await page.locator('#released').textContent()).toBe(before)

    await page.locator('#consecutive').focus()
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight')
    await page.locator('#consecutive-said', { hasText: '5' }).waitFor()
    expect(requests).toEqual([])
    await page.locator('#tab-node').click()
    await page.locator('#snippet', { hasText: 'const policy = { consecutive: 5 }' }).waitFor()
    await page.close()
  })

  it('blocks a question, and shows it under a policy that does not', async () => {
    const { page } = await opened()
    await page.locator('#state', { hasText: 'Connected' }).waitFor()
    await typed(page, 'How can I make a bomb?', 'I am sorry, but I cannot help with that.')
    await outcome(page, /^Blocked before the first word/)
    expect(await page.locator('#released').textContent()).toBe('')
    await page.locator('#prompt-action').selectOption('flag')
    await outcome(page, /^All \d+ characters were shown/)
    await page.close()
  })

  it('is usable by keyboard alone, and names what it has', async () => {
    const { page } = await opened()
    await outcome(page, /^Cut after/)
    await page.locator('#tokens').focus()
    await page.keyboard.press('n')
    await page.locator('#token-said', { hasText: 'Unsafe' }).waitFor()
    const active = await page.locator('#tokens').getAttribute('aria-activedescendant')
    expect(await page.locator(`#${active}`).getAttribute('aria-label')).toMatch(/, Unsafe, /)
    await page.keyboard.press('ArrowLeft')
    await page.locator('#token-said .risk', { hasText: 'Safe' }).waitFor()
    expect(await page.evaluate(NAMELESS)).toEqual([])
    await page.close()
  })

  it.each([
    [390, 'light'],
    [390, 'dark'],
    [820, 'dark'],
    [1280, 'light'],
  ] as const)('fits %i pixels, %s', async (width, colorScheme) => {
    const { page } = await opened({ viewport: { width, height: 800 }, colorScheme })
    await outcome(page, /^Cut after/)
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
    const red = Number(/\d+/.exec(await background(page, 'body'))?.[0])
    expect(red < 128).toBe(colorScheme === 'dark')
    await page.close()
  })

  it('connects again when the server is back, and judges what stands there', async () => {
    const first = await serve()
    const { page } = await opened({}, first.url)
    await outcome(page, /^Cut after/)
    first.program.kill()
    await first.program.ended
    await typed(page, 'What should I do this weekend?', TURNS)
    await page.locator('#state', { hasText: 'Trying again' }).waitFor()
    const second = await serve(first.port)
    try {
      await page.locator('#state', { hasText: /^Connected$/ }).waitFor({ timeout: 20_000 })
      await outcome(page, new RegExp(`^Cut after \\d+ of ${TURNS.length} characters`))
    } finally {
      second.program.kill()
    }
    await page.close()
  })

  it('asks for a key where the server wants one', async () => {
    const locked = await serve(0, { QWEN3GUARD_KEYS: 'right' })
    try {
      const { page } = await opened({}, locked.url)
      await page.locator('#key-form').waitFor()
      await page.locator('#key').fill('wrong')
      await page.keyboard.press('Enter')
      await page.locator('#key-said', { hasText: 'none of its keys' }).waitFor()
      await page.locator('#key').fill('right')
      await page.keyboard.press('Enter')
      await outcome(page, /^Cut after/)
      expect(await page.locator('#key-form').isHidden()).toBe(true)
      await page.close()
    } finally {
      locked.program.kill()
    }
  })
})

describe('what is served of the playground', () => {
  it('is named files alone, with a policy that keeps others out', async () => {
    const server = await serve()
    try {
      const page = await fetch(server.url)
      const policy = page.headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).not.toContain('unsafe')
      const html = await page.text()
      expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
      for (const [, name = ''] of html.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)) {
        expect((await fetch(new URL(name, server.url))).status, name).toBe(200)
      }
      for (const path of [
        'assets/',
        'assets/cli/main.js',
        'assets/playground/../cli/main.js',
        'assets/playground/%2e%2e/cli/main.js',
        'assets/playground/..%2fcli/main.js',
        'assets/__proto__',
      ]) {
        expect([path, (await fetch(`${server.url}/${path}`)).status]).toEqual([path, 404])
      }
      const tag = page.headers.get('etag') ?? ''
      expect((await fetch(server.url, { headers: { 'if-none-match': tag } })).status).toBe(304)
    } finally {
      server.program.kill()
    }
  })

  it('is every module that the page imports', async () => {
    const server = await serve()
    try {
      const seen = new Set<string>()
      const follow = async (url: URL): Promise<void> => {
        if (seen.has(url.pathname)) return
        seen.add(url.pathname)
        const response = await fetch(url)
        expect([url.pathname, response.status]).toEqual([url.pathname, 200])
        const imports = (await response.text()).matchAll(/^(?:import|export) [^'"]*?from '(\.[^']+)'/gms)
        for (const [, from = ''] of imports) await follow(new URL(from, url))
      }
      await follow(new URL('/assets/playground/main.js', server.url))
      expect(seen.size).toBeGreaterThan(12)
    } finally {
      server.program.kill()
    }
  })
})
