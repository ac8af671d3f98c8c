import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { writeLargeModel } from '../support/large-model.js'
import { temporaryDirectory } from '../support/temporary.js'

const CHILD = fileURLToPath(new URL('../support/memory-child.mjs', import.meta.url))
const MIB = 2 ** 20
const WEIGHTS = 128

/** Bytes of a position in the demonstration model's KV cache. */
const CELL = 4 * 128 * 2 * 2

/** Resident bytes. */
interface Measured {
  before: number
  /** With a guard in memory; null where no moment shows it. */
  loaded: number | null
  after: number
}

// Resident memory is read from /proc.
describe.skipIf(!existsSync('/proc/self/statm'))('memory is back after', () => {
  let model: string
  beforeAll(() => {
    model = writeLargeModel(join(temporaryDirectory(), 'large.gguf'), 'stream', WEIGHTS)
  })

  async function measure(ending: string): Promise<Measured> {
    const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', CHILD, model, ending])
    return JSON.parse(stdout)
  }

  for (const [name, ending] of Object.entries({
    'close(), with references kept': 'kept',
    'close() called twice': 'twice',
    'close() while requests wait': 'waiting',
    'a load that failed with its weights read': 'failed',
    'a load that was aborted': 'aborted load',
    'a load that was aborted while its engine was made': 'aborted create',
  })) {
    it(name, async () => {
      const { before, loaded, after } = await measure(ending)
      // Three guards: what each leaves counts thrice.
      expect((after - before) / MIB).toBeLessThan(WEIGHTS / 2)
      if (ending !== 'aborted load') expect(((loaded ?? 0) - before) / MIB).toBeGreaterThan(WEIGHTS)
    })
  }

  it('engines that nobody closes, as V8 knows of what they hold', async () => {
    const { before, loaded } = await measure('unclosed')
    const most = ((loaded ?? 0) - before) / MIB
    expect(most).toBeGreaterThan(40)
    // Sixteen of them take 640 MiB and more.
    expect(most).toBeLessThan(400)
  })
})

describe.skipIf(process.platform !== 'linux')('memory while a guard is loaded', () => {
  it('holds no KV cells that nobody has used', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--no-warnings',
      CHILD,
      'demo-gen',
      'short',
    ])
    const { before, loaded, cellsFree } = JSON.parse(stdout)
    const cells = cellsFree * CELL
    expect(cells / MIB).toBeGreaterThan(200)
    expect(loaded - before).toBeLessThan(cells / 3)
  })
})
