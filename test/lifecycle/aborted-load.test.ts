import { execFile, execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadBinding } from '../../lib/binding/addon.js'
import { writeLargeModel } from '../support/large-model.js'
import { temporaryDirectory } from '../support/temporary.js'

const CHILD = fileURLToPath(new URL('../support/aborted-load-child.mjs', import.meta.url))

interface Outcome {
  /** Bytes of resident memory. */
  grown: number
  outcomes: string[]
  told: [user: number, fraction: number][]
}

// FIFOs and /proc; and weights that are not rearranged are not read but mapped.
describe.skipIf(process.platform !== 'linux' || !loadBinding().repacks('q4_0'))(
  'a load that is aborted',
  () => {
    const directory = temporaryDirectory()
    const model = join(directory, 'large.gguf')
    beforeAll(() => {
      writeLargeModel(model, 'gen', 64)
    })

    async function load(users: number): Promise<Outcome> {
      const fifo = join(directory, `hold-${users}`)
      execFileSync('mkfifo', [fifo])
      const { stdout } = await promisify(execFile)(process.execPath, [CHILD, model, fifo, String(users)], {
        env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
      })
      return JSON.parse(stdout)
    }

    it('reads no weights any more', async () => {
      const { grown, outcomes, told } = await load(1)
      expect(outcomes).toEqual(['given up'])
      expect(grown).toBeLessThan(statSync(model).size / 4)
      expect(told.filter(([, fraction]) => fraction > 0)).toEqual([])
    })

    it('goes on for another who waits for the same weights', async () => {
      const { grown, outcomes, told } = await load(2)
      expect(outcomes).toEqual(['given up', 'loaded'])
      expect(grown).toBeGreaterThan(statSync(model).size / 2)
      expect(told).toContainEqual([1, 1])
    })
  },
)
