import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { cli, Running } from '../support/cli.js'
import { BLOCKED_PROMPT } from '../support/replies.js'

const headers = { 'content-type': 'application/json' }

describe('serve', () => {
  it('prints one line, answers, and ends well when it is told to', async () => {
    const keys = path.join(await mkdtemp(path.join(tmpdir(), 'qwen3guard-')), 'keys')
    await writeFile(keys, 'one\ntwo\n')
    const running = new Running(['serve', '--port', '0', '--json', '--gpu', 'off', '--key-file', keys])
    await running.until('stdout', '\n')
    const { url, gen, stream } = JSON.parse(running.stdout)
    expect([gen, stream]).toEqual(['demo-gen', 'demo-stream'])
    const body = JSON.stringify({ input: BLOCKED_PROMPT })
    expect((await fetch(`${url}/v1/moderations`, { method: 'POST', headers, body })).status).toBe(401)
    const withKey = { ...headers, authorization: 'Bearer two' }
    const answer = await fetch(`${url}/v1/moderations`, { method: 'POST', headers: withKey, body })
    const { results } = (await answer.json()) as { results: { flagged: boolean }[] }
    expect(results[0]?.flagged).toBe(true)
    // A name that a page on the web has pointed here.
    const other = await fetch(`${url}/v1/moderations`, {
      method: 'POST',
      headers: { ...withKey, origin: 'http://evil' },
      body,
    })
    expect(other.status).toBeLessThan(500)
    running.child.kill('SIGTERM')
    const { code, stdout, stderr } = await running.finished
    expect(code).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(1)
    expect(stderr).not.toContain(BLOCKED_PROMPT)
    await rm(path.dirname(keys), { recursive: true })
  })

  it('refuses a host that others can reach without a key', async () => {
    const { code, stderr } = await cli(['serve', '--host', '0.0.0.0', '--port', '0'])
    expect(code).toBe(2)
    expect(stderr).toContain('--key-file')
  })
})
