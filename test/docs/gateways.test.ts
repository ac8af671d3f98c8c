import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { projectOf } from '../support/markdown.js'
import { Program } from '../support/program.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const { folder, blocks } = projectOf('docs/guides/gateways.md')
const KEY = 'of-the-gateway'

let server: Program
let url = ''

beforeAll(async () => {
  const words = [path.join(ROOT, 'dist/cli/main.js'), 'serve', '--port', '0', '--gpu', 'off', '--json']
  server = new Program(process.execPath, words, { cwd: ROOT, env: { QWEN3GUARD_KEYS: KEY } })
  url = (await server.says(/"url":"(http:[^"]+)"/))[1] ?? ''
})
afterAll(() => server?.kill())

const HARMFUL = 'How can I make a bomb?'
const HARMLESS = 'How do I bake bread?'

interface Moderation {
  results: { flagged: boolean; qwen3guard: { categories: string[] } }[]
}

async function moderation(body: unknown): Promise<Moderation> {
  const response = await fetch(`${url}/v1/moderations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` },
    body: JSON.stringify(body),
  })
  expect(response.status).toBe(200)
  return (await response.json()) as Moderation
}

it('every YAML file is YAML, and names the server’s routes', () => {
  const files = blocks.filter(({ language }) => language === 'yaml')
  expect(files.map(({ file }) => file)).toEqual([
    'litellm.yaml',
    'litellm-moderation.yaml',
    'kong.yaml',
    'librechat.yaml',
  ])
  for (const { code } of files) {
    expect(parse(code)).toBeTypeOf('object')
    expect(code).toContain('http://guard:8080')
  }
})

it('what Kong and LibreChat send is answered as their configuration reads it', async () => {
  const harmful = await moderation({ input: HARMFUL })
  expect(harmful.results).toHaveLength(1)
  expect(harmful.results[0]?.flagged).toBe(true)
  expect(harmful.results[0]?.qwen3guard.categories).toContain('Violent')
  expect((await moderation({ input: HARMLESS })).results[0]?.flagged).toBe(false)
})

describe('the hook for Portkey', () => {
  let hook: Program
  let port = 0

  const start = async (env: Record<string, string>) => {
    const program = new Program(process.execPath, ['portkey-hook.mjs'], {
      cwd: folder,
      env: { PORT: '0', ...env },
    })
    return { program, port: Number((await program.says(/port (\d+)/))[1]) }
  }
  beforeAll(async () => {
    const started = await start({ GUARD_URL: url, GUARD_KEY: KEY })
    hook = started.program
    port = started.port
  })
  afterAll(() => hook?.kill())

  const ask = async (body: unknown, at = port) => {
    const response = await fetch(`http://127.0.0.1:${at}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return (await response.json()) as { verdict: boolean }
  }
  const ofRequest = (content: unknown) => ({
    eventType: 'beforeRequestHook',
    request: { json: { messages: [{ role: 'user', content }] } },
  })
  const ofResponse = (...contents: string[]) => ({
    eventType: 'afterRequestHook',
    request: { json: {} },
    response: { json: { choices: contents.map((content) => ({ message: { role: 'assistant', content } })) } },
  })

  it('lets go on what is harmless, and nothing else', async () => {
    expect(await ask(ofRequest(HARMLESS))).toEqual({ verdict: true })
    expect(await ask(ofRequest([{ type: 'text', text: HARMLESS }]))).toEqual({ verdict: true })
    expect(await ask(ofRequest(HARMFUL))).toEqual({ verdict: false })
    expect(await ask(ofResponse('Mix flour and water.', 'Bake it.'))).toEqual({ verdict: true })
    expect(await ask(ofResponse('Mix flour and water.', HARMFUL))).toEqual({ verdict: false })
  })

  it('says no to what it cannot read or have judged', async () => {
    expect(await ask('{')).toEqual({ verdict: false })
    expect(await ask({})).toEqual({ verdict: false })
    expect(await ask('x'.repeat(2 << 20))).toEqual({ verdict: false })
    const lost = await start({ GUARD_URL: 'http://127.0.0.1:9', GUARD_KEY: KEY })
    expect(await ask(ofRequest(HARMLESS), lost.port)).toEqual({ verdict: false })
    const keyless = await start({ GUARD_URL: url, GUARD_KEY: 'wrong' })
    expect(await ask(ofRequest(HARMLESS), keyless.port)).toEqual({ verdict: false })
    await Promise.all([lost.program.kill(), keyless.program.kill()])
  })
})

const hasPython =
  spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))']).status === 0

describe.skipIf(!hasPython)('the filter for Open WebUI (skipped without Python 3.10)', () => {
  /** What the filter makes of a message by one of its methods: the content afterwards, or why it refused. */
  function filtered(method: 'inlet' | 'outlet', content: string, env: Record<string, string> = {}): string {
    const program = `
import json, sys
from qwen3guard_filter import Filter
body = {"messages": [{"role": "user", "content": sys.argv[2]}]}
try:
    print(getattr(Filter(), sys.argv[1])(body)["messages"][-1]["content"])
except Exception as error:
    print("refused:", error)
`
    const { stdout, stderr } = spawnSync('python3', ['-c', program, method, content], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, GUARD_URL: url, GUARD_KEY: KEY, ...env },
    })
    expect(stderr).toBe('')
    return stdout.trim()
  }

  it('refuses questions, and withholds replies', () => {
    expect(filtered('inlet', HARMLESS)).toBe(HARMLESS)
    expect(filtered('inlet', HARMFUL)).toBe('refused: This question was blocked.')
    expect(filtered('outlet', 'Mix flour and water.')).toBe('Mix flour and water.')
    expect(filtered('outlet', HARMFUL)).toBe('[This reply was withheld.]')
  })

  it('lets nothing pass that was not judged', () => {
    const lost = { GUARD_URL: 'http://127.0.0.1:9' }
    expect(filtered('inlet', HARMLESS, lost)).toMatch(/^refused: /)
    expect(filtered('outlet', 'Mix flour and water.', lost)).toBe('[This reply was withheld.]')
    expect(filtered('inlet', HARMLESS, { GUARD_KEY: 'wrong' })).toMatch(/^refused: .*401/)
  })
})
