import { spawnSync } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'

const dist = (name: string) =>
  pathToFileURL(fileURLToPath(new URL(`../../dist/${name}`, import.meta.url))).href

/** Packages that a program loads. */
function loadedBy(program: string): string[] {
  const watch = `
    export async function resolve(specifier, context, next) {
      const found = await next(specifier, context)
      const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(found.url)
      if (name) process._rawDebug('loaded ' + name[1])
      return found
    }`
  const source = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`
  const register = source(
    `import { register } from 'node:module'; register(${JSON.stringify(source(watch))})`,
  )
  const { stderr, status } = spawnSync(
    process.execPath,
    ['--import', register, '--input-type=module', '-e', program],
    { encoding: 'utf8' },
  )
  expect(status).toBe(0)
  return [...new Set([...stderr.matchAll(/^loaded (.+)$/gmu)].map(([, name]) => name as string))]
}

it('is loaded by nobody who does not ask for it', () => {
  expect(loadedBy(`await import(${JSON.stringify(dist('server/index.js'))})`)).toEqual(
    expect.arrayContaining(['hono', 'typebox']),
  )
  for (const name of ['index.js', 'adapters/openai/index.js']) {
    const loaded = loadedBy(`await import(${JSON.stringify(dist(name))})`)
    expect(loaded.filter((one) => /hono|typebox/.test(one))).toEqual([])
  }
})
