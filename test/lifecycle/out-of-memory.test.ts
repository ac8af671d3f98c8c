import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { failingMemory } from '../support/preloaded.js'
import { temporaryDirectory } from '../support/temporary.js'

const CHILD = fileURLToPath(new URL('../support/failing-memory-child.mjs', import.meta.url))
const TYPED = /^(done|ERR_MEMORY|ERR_DECODE|ERR_MODEL_LOAD)$/

const library = failingMemory(temporaryDirectory())

// Each allocation of the addon fails in turn, alone or with all that follow it.
describe.skipIf(library === null)('memory that runs out in', () => {
  for (const stage of ['load', 'decode', 'close']) {
    for (const [all, name] of [
      ['0', 'once'],
      ['1', 'for good'],
    ] as const) {
      it(`${stage}, ${name}, ends in a typed error, never in silence nor with the process`, async () => {
        const { stdout } = await promisify(execFile)(
          process.execPath,
          ['--no-warnings', CHILD, stage, all, '0.5'],
          { env: { ...process.env, LD_PRELOAD: library as string } },
        )
        const outcomes = Object.entries(JSON.parse(stdout) as Record<string, number>)
        for (const [outcome] of outcomes) expect(outcome).toMatch(TYPED)
        const failed = outcomes.filter(([outcome]) => outcome !== 'done')
        expect(failed.reduce((sum, [, times]) => sum + times, 0)).toBeGreaterThan(0)
      }, 180_000)
    }
  }
})
