import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { Evaluation } from '../../lib/eval/evaluation.js'
import { promptItem, responseItem } from '../../lib/eval/item.js'
import { numberAt, shownNumber, shownShare } from '../../lib/eval/report/cells.js'
import { htmlReport } from '../../lib/eval/report/html.js'
import type { EvalReport } from '../../lib/eval/report-data.js'
import type { TokenVerdict } from '../../lib/stream/verdict.js'
import { chromiumPath } from '../support/browser.js'
import { temporaryDirectory } from '../support/temporary.js'
import { evaluation, gen, report } from './made-report.js'

const directory = temporaryDirectory()
const HARM = 'Thus <script>alert(1)</script> \u202e\u{e0041}.'

/** A report of Stream with replies that are located, missed and flagged in vain. */
function streamReport() {
  const stream = new Evaluation({ official: true })
  const sentences = ['Well. ', 'Mix', ' it', '. ', 'Then', ' run', '.']
  const reply = (flaggedFrom: number): TokenVerdict[] => {
    let at = 0
    return sentences.map((text, index) => {
      const start = at
      at += text.length
      const unsafe = index >= flaggedFrom ? 0.9 : 0.1
      const risk = unsafe > 0.5 ? 'Unsafe' : 'Safe'
      const probabilities = { Safe: 1 - unsafe, Controversial: 0, Unsafe: unsafe }
      const category = risk === 'Safe' ? null : 'Violent'
      return {
        index,
        id: index,
        text,
        start,
        end: at,
        part: 'answer',
        risk,
        probabilities,
        category,
        categories: {},
      }
    })
  }
  const add = (label: 'Safe' | 'Unsafe', flaggedFrom: number) => {
    const tokens = reply(flaggedFrom)
    const span = { unit: 'character', start: 6, end: null } as const
    const item = responseItem('How?', sentences.join(''), label, {
      span,
      source: 'made',
      categories: ['a/b%'],
    })
    const unsafe = flaggedFrom < tokens.length - 1
    stream.add({ file: 'made.jsonl', line: stream.n + 1 }, 'generic: made', item, {
      kind: 'stream',
      prompt: {} as never,
      reply: {
        safety: unsafe ? 'Unsafe' : 'Safe',
        category: null,
        at: unsafe ? flaggedFrom + 1 : null,
        tokenCount: tokens.length,
        complete: true,
      },
      tokens,
    })
  }
  for (const from of [0, 1, 3, 9]) add('Unsafe', from)
  for (const from of [2, 9, 9]) add('Safe', from)
  return { report: { ...report(), ...stream.figures() } as EvalReport, errors: stream.shownErrors }
}

async function page(name: string, made: EvalReport, errors: Parameters<typeof htmlReport>[1]) {
  const { html, note } = await htmlReport(made, errors)
  expect(note).toBeNull()
  const file = join(directory, `${name}.html`)
  writeFileSync(file, html)
  return { html, url: pathToFileURL(file).href }
}

describe('the page', () => {
  it('holds its figures as JSON, fetches nothing, and hides the texts of errors', async () => {
    const made = report()
    const { html } = await page('plain', made, evaluation().shownErrors)
    const json = /<script type="application\/json" id="figures-json">(.*?)<\/script>/s.exec(html)?.[1]
    expect(JSON.parse(json ?? '')).toEqual(JSON.parse(JSON.stringify(made)))
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
    expect(html).toContain("default-src 'none'")
    expect(html).toContain('How to harm more?')
    expect(html.match(/<details class="error">/g)).toHaveLength(4)
    expect(html).not.toContain('<details class="error" open')
  })

  it('shows what judged texts hold, and does none of it', async () => {
    const [error] = evaluation().shownErrors
    const errors = error ? [{ ...error, messages: [{ role: 'user' as const, content: HARM }] }] : []
    const made = report()
    const { html } = await page('harm', { ...made, model: { ...made.model, model: '</title><b>' } }, errors)
    expect(html).not.toContain('<script>alert')
    expect(html).toContain('\\u{202e}\\u{e0041}')
    expect(html).not.toContain('</title><b>')
  })
})

it('has all tables without Vega, and says what to install', async () => {
  const { html, note } = await htmlReport(report(), evaluation().shownErrors, { missing: 'npm install vega' })
  expect(note).toBe('npm install vega')
  expect(html).toContain('<p class="notice">npm install vega</p>')
  expect(html).not.toContain('<svg')
  expect(html).toContain('data-path="prompt/strict/f1"')
  expect(html).toContain('data-path="curves/prompt/strict/rocArea"')
})

describe('plots', () => {
  it('are drawn of groups whose names every object has', async () => {
    const names = ['constructor', '__proto__', 'toString', 'harm']
    const made = report(
      names.map((name) => [promptItem(name, 'Unsafe', { categories: [name], language: name }), gen(0.9)]),
    )
    const { html } = await htmlReport(made, [])
    expect(html).not.toContain('could not be drawn')
    for (const name of names) expect(html).toMatch(new RegExp(`<text[^>]*>\\s*${name}</text>`))
  })

  it('that cannot be drawn are named, and leave the tables and the other plots', async () => {
    const { report: made, errors } = streamReport()
    const { html } = await htmlReport(made, errors, async (spec) => {
      if (/P\(Unsafe\)|after the annotated/.test(JSON.stringify(spec))) throw new Error('no <room>')
      return '<svg></svg>'
    })
    expect(html).toContain('The plot “Detection latency” could not be drawn: no &#60;room&#62;')
    expect(html).toContain('The plot “Probability along the reply” could not be drawn')
    expect(html).toContain('<strong>ROC</strong><svg>')
    expect(html).toContain('data-path="latency/strict/bins/missed"')
  })
})

const browserPath = chromiumPath()
const reason =
  browserPath === null ? ' (skipped: no Chromium here; install it, or name one in CHROMIUM_PATH)' : ''
describe.skipIf(browserPath === null)(`in a browser${reason}`, () => {
  it.each([
    ['gen', 390, 'light'],
    ['gen', 1280, 'dark'],
    ['stream', 390, 'dark'],
    ['stream', 1280, 'light'],
  ] as const)(
    'loads %s at %i pixels without an error, and shows the figures of its JSON',
    async (kind, width, scheme) => {
      const { report: made, errors } =
        kind === 'gen' ? { report: report(), errors: evaluation().shownErrors } : streamReport()
      const { url } = await page(kind, made, errors)
      const browser = await chromium.launch({ executablePath: browserPath as string, args: ['--no-sandbox'] })
      try {
        const tab = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme })
        const complaints: string[] = []
        const requests: string[] = []
        tab.on('console', (message) => complaints.push(message.text()))
        tab.on('pageerror', (error) => complaints.push(error.message))
        tab.on('request', (request) => requests.push(request.url()))
        await tab.goto(url)
        expect(complaints).toEqual([])
        expect(requests.filter((one) => !one.startsWith('data:'))).toEqual([url])

        const shown = await tab
          .locator('[data-path]')
          .evaluateAll((elements) =>
            elements.map((element) => [
              element.getAttribute('data-path') ?? '',
              element.getAttribute('data-kind') ?? '',
              element.textContent ?? '',
            ]),
          )
        const embedded = JSON.parse((await tab.locator('#figures-json').textContent()) ?? '') as EvalReport
        expect(embedded).toEqual(JSON.parse(JSON.stringify(made)))
        expect(shown.length).toBeGreaterThan(80)
        for (const [path = '', kind, text] of shown) {
          const value = numberAt(embedded, path)
          const expected =
            kind === 'share' ? shownShare(value) : shownNumber(value, kind === 'decimal' ? 3 : 0)
          expect([path, text]).toEqual([path, expected])
        }

        // Nothing is wider than the page but tables, which scroll.
        expect(await tab.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
        expect(await tab.locator('figure svg').count()).toBeGreaterThan(3)
        const said = tab.locator('details.error .said').first()
        expect(await said.isVisible()).toBe(false)
        await tab.locator('details.error summary').first().click()
        expect(await said.isVisible()).toBe(true)

        // On paper nothing scrolls: A4 within its margins holds all of it.
        await tab.emulateMedia({ media: 'print' })
        await tab.setViewportSize({ width: 717, height: 1050 })
        expect(await tab.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
      } finally {
        await browser.close()
      }
    },
  )
})
