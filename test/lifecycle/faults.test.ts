import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { addon } from '../../lib/binding/addon.js'
import { temporaryDirectory } from '../support/temporary.js'

const CHILD = fileURLToPath(new URL('../../scripts/soak/support/fault.mjs', import.meta.url))
const PREBUILD = fileURLToPath(new URL('../../build/faults', import.meta.url))
const BUILT = existsSync(join(PREBUILD, 'build', 'Release', 'qwen3guard.node'))
const ENV = { ...process.env, QWEN3GUARD_PREBUILD: PREBUILD }

// It takes as long as a close() waits, and is in the long form: scripts/soak/faults.mjs.
const LONG = new Set(['a decode that hangs'])

describe.skipIf(!BUILT)('a guard under which fails', () => {
  const directory = temporaryDirectory()
  const names: string[] = BUILT
    ? JSON.parse(execFileSync(process.execPath, ['--no-warnings', CHILD], { env: ENV, encoding: 'utf8' }))
    : []
  for (const name of names.filter((one) => !LONG.has(one))) {
    it(`${name} tells who waits, and goes on or says that it has failed`, async () => {
      // The child says what is wrong, with an exit code.
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--no-warnings', CHILD, name, directory],
        {
          env: ENV,
        },
      )
      expect(JSON.parse(stdout)).not.toHaveProperty('wrong')
    })
  }
})

describe('an addon for users', () => {
  it('has nothing that makes its calls fail', () => {
    const { binding } = addon()
    expect(binding).not.toHaveProperty('fault')
  })
})
