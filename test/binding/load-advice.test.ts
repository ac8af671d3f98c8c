import { describe, expect, it } from 'vitest'
import { packageAdvice, type Situation, systemAdvice } from '../../lib/binding/load-advice.js'
import { publishedPlatforms } from '../../lib/binding/platform-package.js'

const published = publishedPlatforms().find(({ name }) => name === 'linux-x64')
const bare: Situation = {
  name: 'linux-x64',
  published,
  version: '1.2.3',
  installed: undefined,
  others: [],
  manager: 'npm',
  locked: true,
  glibc: '2.17',
}
const advice = (facts: Partial<Situation>) => packageAdvice({ ...bare, ...facts }).join('\n')
const LINE = '`npm install @qwen3guard/linux-x64@1.2.3`'

describe('advice for a package that is missing names the line to run', () => {
  it('where optional dependencies were left out', () => {
    expect(advice({})).toContain('--omit=optional')
    expect(advice({})).toContain(LINE)
  })

  it('where the lock file was made on another system', () => {
    expect(advice({ locked: false })).toContain('the lock file does not name @qwen3guard/linux-x64')
    expect(advice({ locked: false })).toContain(LINE)
    expect(advice({ locked: false })).toContain(
      'npm install --os=linux --cpu=x64 --libc=glibc qwen3guard@1.2.3',
    )
  })

  it('where node_modules is of another system, or of another C library', () => {
    expect(advice({ others: ['darwin-arm64'] })).toContain(
      'node_modules was installed for darwin-arm64, and this is',
    )
    const musl = publishedPlatforms().find(({ name }) => name === 'linux-x64-musl')
    const lines = advice({ name: 'linux-x64-musl', published: musl, others: ['linux-x64'] })
    expect(lines).toContain('installed for linux-x64, and this is linux-x64-musl')
    expect(lines).toContain('npm install @qwen3guard/linux-x64-musl@1.2.3')
  })

  it.each([
    ['pnpm', 'pnpm add'],
    ['yarn', 'yarn add'],
    ['yarn 1', 'yarn add'],
    ['bun', 'bun add'],
  ] as const)('in the words of %s', (manager, words) => {
    expect(advice({ manager })).toContain(`\`${words} @qwen3guard/linux-x64@1.2.3\``)
  })

  it('in the words of deno', () => {
    expect(advice({ manager: 'deno' })).toContain('`deno add npm:@qwen3guard/linux-x64@1.2.3`')
  })

  it('where it is of another version, or not whole', () => {
    expect(advice({ installed: { folder: '/app/x', version: '1.2.2' } })).toContain(
      'is version 1.2.2, and qwen3guard 1.2.3',
    )
    expect(advice({ installed: { folder: '/app/x', version: '1.2.3' } })).toContain('after deleting /app/x')
  })

  it('where there are no binaries for this system', () => {
    expect(advice({ name: 'freebsd-x64', published: undefined })).toContain(
      'there are no binaries for freebsd-x64',
    )
  })
})

describe('advice for what lies at the system', () => {
  const lines = (reason: string, path = '/app/addon.node') =>
    systemAdvice(bare, [{ path, reason }]).join('\n')

  it('says which glibc is wanted and which is there', () => {
    const said = lines(
      "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.28' not found (required by /app/addon.node)",
    )
    expect(said).toContain('needs glibc 2.28, and this system has 2.17')
  })

  it('says what a CPU lacks, and how a build for it is made', () => {
    const said = lines('this CPU lacks sse4_2, popcnt')
    expect(said).toContain('without sse4_2, popcnt')
    expect(said).toContain('`QWEN3GUARD_CMAKE="-DGGML_NATIVE=ON" npx qwen3guard build`')
  })

  it('knows an asar archive, by either kind of slash', () => {
    expect(lines('no such file', 'C:\\App\\resources\\app.asar\\node_modules\\x.node')).toContain(
      'asarUnpack',
    )
    expect(lines('no such file', '/App/resources/app.asar/node_modules/x.node')).toContain('asarUnpack')
  })

  it('is silent where the system is not to blame', () => {
    expect(lines('not there')).toBe('')
  })
})
