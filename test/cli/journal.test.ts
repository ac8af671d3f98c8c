import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RunIdentity } from '../../lib/batch/run-identity.js'
import { Journal } from '../../lib/cli/journal.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const identity: RunIdentity = { version: '1', inputs: [], model: ['a'], options: {} }

describe('Journal', () => {
  it('goes on after the last whole row, wherever a run was cut off', async () => {
    const lines = ['{"id":1,"verdict":{"safety":"Safe"}}\n', '{"id":"\\"é"}\n', '{}\n']
    const whole = Buffer.from(lines.join(''))
    for (let cut = 0; cut <= whole.length; cut++) {
      const out = join(directory, `cut-${cut}`)
      const left = whole.subarray(0, cut)
      // What a power cut may leave behind what was written.
      writeFileSync(`${out}.part`, cut % 2 === 0 ? left : Buffer.concat([left, Buffer.alloc(5)]))
      writeFileSync(`${out}.part.json`, JSON.stringify(identity))
      const earlier: unknown[] = []
      const journal = await Journal.open(out, identity, true, (row) => earlier.push(row))
      const sound = left.subarray(0, left.lastIndexOf(0x0a) + 1).toString()
      const count = sound.split('\n').length - 1
      expect(journal.rows).toBe(count)
      expect(earlier).toHaveLength(count)
      for (const line of lines.slice(count)) await journal.add(line)
      await journal.end()
      await journal.commit(out, true)
      expect(readFileSync(out, 'utf8')).toBe(whole.toString())
    }
  })

  it('keeps nothing of a run that has written nothing', async () => {
    const out = join(directory, 'nothing')
    const journal = await Journal.open(out, identity, false, () => {})
    expect(await journal.leave(true)).toBe(0)
    const next = await Journal.open(out, identity, false, () => {})
    await next.add('{}\n')
    expect(await next.leave(true)).toBe(1)
    await expect(Journal.open(out, identity, false, () => {})).rejects.toThrow('--resume')
    await expect(Journal.open(out, { ...identity, model: ['b'] }, true, () => {})).rejects.toThrow(
      'the model file differs',
    )
    writeFileSync(`${out}.part.json`, '{')
    await expect(Journal.open(out, identity, true, () => {})).rejects.toThrow('missing or broken')
  })
})
