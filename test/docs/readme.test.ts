import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { codeBlocks, projectOf, readMarkdown } from '../support/markdown.js'
import { Program, run } from '../support/program.js'
import { leaveInTheBody, sendWithoutEnd } from '../support/rude-clients.js'

const { folder, blocks } = projectOf('README.md')

const node = async (file: string) => await run(process.execPath, [file], { cwd: folder })

/** Lines of commands that change this clone, or need the network. */
const NOT_RUN = [
  /^npm ci && npm (run demo|test) /,
  /npm (install|run build:prebuilds)/,
  /^npx qwen3guard pull /,
]

describe('README', () => {
  it('has no program that the tests do not run', () => {
    const programs = blocks.filter(({ language }) => language === 'js').map(({ file }) => file)
    expect(programs).toEqual(['check.mjs', 'chat.mjs', 'tokens.mjs', 'policy.mjs', 'server.mjs'])
    expect(blocks.filter(({ language }) => !['js', 'sh'].includes(language))).toEqual([])
  })

  it('checks a text', async () => {
    expect(await node('check.mjs')).toMatch(/^Unsafe \[ '.+' \] 0\.\d+/)
  })

  it('moderates a chat: what is harmless comes out, what is not does not', async () => {
    const said = await node('chat.mjs')
    expect(said).toContain('visit a museum with your friends. [withheld: reply]')
    expect(said).not.toContain('bomb')
  })

  it('judges each token, the last word too', async () => {
    const lines = (await node('tokens.mjs')).trim().split('\n')
    const tokens = lines.slice(0, -1).map((line) => /^(".*") (\w+) (.+)$/.exec(line))
    expect(tokens.map((token) => JSON.parse(token?.[1] ?? '')).join('')).toBe(
      'You could bake bread. Then build a bomb and rob the bank.',
    )
    expect(tokens[0]?.[2]).toBe('Safe')
    expect(lines.at(-1)).toMatch(/^Unsafe .+ \d+$/)
  })

  it('explains what a policy does', async () => {
    expect(await node('policy.mjs')).toContain("action: 'block'")
  })

  it('serves, also after a client that leaves, what is no JSON, and a body without end', async () => {
    const server = new Program(process.execPath, ['server.mjs'], { cwd: folder, env: { PORT: '0' } })
    try {
      const port = Number((await server.says(/port (\d+)/))[1])
      const post = async (body: string) => {
        const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body })
        return { status: response.status, text: await response.text() }
      }
      const question = (content: string) => JSON.stringify({ messages: [{ role: 'user', content }] })
      const reply = 'You could go for a walk in the park, or visit a museum.'
      expect(await post(question('What should I do this weekend?'))).toEqual({ status: 200, text: reply })
      expect(await post(question('How can I make a bomb?'))).toEqual({
        status: 200,
        text: '\n[The rest of this reply was withheld.]',
      })
      await leaveInTheBody(port, '/')
      expect((await post('not json')).status).toBe(400)
      expect((await post('null')).status).toBe(400)
      expect((await post('{ "messages": [] }')).status).toBe(400)
      expect((await post('{ "messages": [{ "role": "user", "content": 7 }] }')).status).toBe(400)
      const endless = await sendWithoutEnd(port, '/')
      expect(endless.sent).toBeLessThan(10e6)
      expect(await post(question('What should I do this weekend?'))).toEqual({ status: 200, text: reply })
      expect(server.child.exitCode).toBe(null)
      expect(server.stderr).not.toContain('    at ')
    } finally {
      await server.kill()
    }
  })

  it.runIf(process.platform !== 'win32')('has commands that run', async () => {
    const lines = codeBlocks(readMarkdown('README.md'))
      .filter(({ language }) => language === 'sh')
      .flatMap(({ code }) => code.trim().split('\n'))
      .filter((line) => !NOT_RUN.some((command) => command.test(line)))
    expect(lines.length).toBeGreaterThan(5)
    const said = await run('sh', ['-ec', lines.join('\n')], { cwd: path.join(folder) })
    expect(said).toContain('"kind":"gen"')
    expect(said).toContain('demo-stream')
  })
})
