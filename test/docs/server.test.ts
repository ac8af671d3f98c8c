import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CATEGORIES } from '../../lib/index.js'
import { COUNTERPARTS, OPENAI_CATEGORIES } from '../../lib/server/openai-categories.js'
import { json, served } from '../support/serving.js'

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'server.md'), 'utf8')
const server = served({ upstream: 'http://127.0.0.1:9/v1' })

describe('docs/server.md', () => {
  it('names every route, and /openapi.json describes each', async () => {
    const { openapi, paths } = await json(server.get('/openapi.json'))
    expect(openapi).toBe('3.1.0')
    const described = Object.keys(paths)
    for (const path of described.filter((path) => path !== '/v1/health')) expect(text).toContain(path)
    const named = [...text.matchAll(/`(?:GET |POST |DELETE )?(\/[\w/{}.]+)/gu)].map(
      ([, path]) => path as string,
    )
    expect(named.filter((path) => !described.includes(path) && path !== '/')).toEqual([])
    // What is described takes requests: by its own schema an empty body is not one.
    for (const [path, methods] of Object.entries<Record<string, { requestBody?: object }>>(paths)) {
      if (!methods.post?.requestBody || path.includes('{')) continue
      expect((await server.post(path, {})).status).toBe(400)
    }
  })

  it('has examples that work', async () => {
    const examples = [...text.matchAll(/curl http:\/\/127\.0\.0\.1:8080(\S+) -H '([^']+)' -d '([^']+)'/gu)]
    expect(examples.length).toBeGreaterThan(0)
    for (const [, path, header, body] of examples) {
      const [name, value] = (header as string).split(': ') as [string, string]
      const { results } = await json(server.post(path as string, body, { [name]: value }))
      expect(results.map(({ flagged }: { flagged: boolean }) => flagged)).toEqual([false, true])
    }
  })

  it('maps the categories as the server does', () => {
    const rows = new Map(
      [...text.matchAll(/^\| ([A-Z][^|(]*?)(?: \([^|]*)? \| (`[^|]+`[^|]*) \|$/gmu)].map(([, name, to]) => [
        name,
        [...(to as string).matchAll(/`([^`]+)`/gu)].map(([, one]) => one),
      ]),
    )
    for (const category of CATEGORIES.filter((category) => COUNTERPARTS[category].length > 0)) {
      expect([...(rows.get(category) ?? [])].sort()).toEqual([...COUNTERPARTS[category]].sort())
    }
    const found = new Set(Object.values(COUNTERPARTS).flat())
    for (const category of OPENAI_CATEGORIES.filter((one) => !found.has(one)))
      expect(text).toContain(`\`${category}\``)
  })
})
