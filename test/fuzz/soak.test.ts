// The short forms of long checks: mutants of model files and checkpoints, hostile texts and injections. `scripts/soak` says what each tries.
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const hasAddressSanitizer =
  process.platform === 'linux' &&
  spawnSync('c++', ['-fsanitize=address', '-x', 'c++', '-', '-o', '/dev/null'], { input: 'int main() {}' })
    .status === 0

function soak(
  name: string,
  ...flags: string[]
): Promise<{ code: number | null; row: unknown; said: string }> {
  const program = fileURLToPath(new URL(`../../scripts/soak/${name}.mjs`, import.meta.url))
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, row: JSON.parse(stdout || 'null'), said }))
  })
}

it.each([
  ['model-files', '500'],
  ['checkpoints', '200'],
  ['pull', '40'],
])(
  '%s: no mutant ends or holds the process',
  (name, count) => passes(name, '--count', count, '--jobs', '2'),
  300_000,
)

it('catalog: no damage is anything but a typed error', () => passes('catalog', '--count', '3000'), 300_000)

it('texts: each is judged or refused, and injections change nothing', () => {
  return passes('texts', '--count', '65536', '--seconds', '15')
}, 300_000)

// The seeds and changes of them; libFuzzer is the long form's.
it.runIf(hasAddressSanitizer)(
  'fuzz: headers and vocabularies are read and written without an error of memory',
  () => {
    return passes('fuzz', '--count', '1')
  },
  600_000, // it compiles two programs first
)

it('determinism: with `deterministic` nothing differs by a bit', () => {
  return passes('determinism', '--count', '4', '--seconds', '1')
}, 300_000)

it('load: of 1,000 streams at once none is lost, nor released unjudged', () => {
  return passes('load', '--seconds', '2')
}, 300_000)

it('lifecycle: whatever a guard is doing, it can be left in any way', () => {
  return passes('lifecycle', '--count', '1', '--seconds', '12')
}, 300_000)

async function passes(name: string, ...flags: string[]): Promise<void> {
  const { code, row, said } = await soak(name, '--seed', '18', ...flags)
  expect(row, said.slice(-4000)).toMatchObject({ ok: true, seed: 18 })
  expect(code).toBe(0)
}
