import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { DiskSpaceError, type PullProgress, pullModel } from '../../lib/index.js'
import { convertCheckpoint } from '../../lib/models/convert/convert.js'
import { quantizeGguf } from '../../lib/models/convert/quantize.js'
import { cli } from '../support/cli.js'
import { checkpointPath } from '../support/fixtures.js'
import { HubServer } from '../support/hub-server.js'
import { SmallDisk } from '../support/small-disk.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const DEMO = fileURLToPath(new URL('../../models/demo-gen.gguf', import.meta.url))
// Mounted by root alone, and named as Linux does.
const disk =
  process.platform === 'linux' && process.getuid?.() === 0
    ? SmallDisk.mount(path.join(directory, 'small'), 256)
    : null
afterAll(() => disk?.unmount())

async function refusal(call: Promise<unknown>): Promise<DiskSpaceError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(DiskSpaceError)
  return error as DiskSpaceError
}

describe.skipIf(disk === null)('a disk that is full', () => {
  const small = disk as SmallDisk

  it.each([
    ['convert', (out: string) => convertCheckpoint(checkpointPath('gen-f32-tied'), out, { type: 'f32' })],
    ['quantize', (out: string) => quantizeGguf(DEMO, out, { type: 'f16' })],
  ])('%s: the error names the file, and nothing of it is left', async (name, write) => {
    const out = small.at(`${name}.gguf`)
    const error = await refusal(write(out))
    expect(error).toMatchObject({ code: 'ERR_DISK_SPACE', neededBytes: null, cause: { code: 'ENOSPC' } })
    expect(error.message).toContain(out)
    expect(readdirSync(small.folder)).toEqual([])
    // Elsewhere there is room.
    await write(path.join(directory, `${name}.gguf`))
  })

  it('pull: what has arrived is kept, and the next try goes on from there', async () => {
    const hub = await HubServer.start()
    hub.offerCheckpoint('Qwen/Qwen3Guard-Stream-4B', 'stream-bf16-sharded')
    const larger = SmallDisk.mount(path.join(directory, 'larger'), 32 * 1024) as SmallDisk
    vi.stubEnv('HF_ENDPOINT', hub.url)
    vi.stubEnv('QWEN3GUARD_HOME', larger.at('home'))
    const pull = (onProgress?: (progress: PullProgress) => void) =>
      pullModel('qwen3guard-stream-4b', { type: 'f32', onProgress })
    try {
      // It was measured before, and others write on it.
      const error = await refusal(pull(({ done }) => done > 0 && larger.fill('filler')))
      expect(error.message).toContain('qwen3guard-incomplete could not be written to its end')
      rmSync(larger.at('filler'))
      expect(await pull()).toMatchObject({ alreadyInstalled: false })
    } finally {
      vi.unstubAllEnvs()
      larger.unmount()
    }
  })

  it('batch: whole rows are kept, and --resume goes on with room', async () => {
    const rows = path.join(directory, 'rows.jsonl')
    const prompt = (id: number) => `How do I bake bread number ${id}? ${'It has to be good. '.repeat(20)}`
    const texts = Array.from({ length: 24 }, (_, id) => JSON.stringify({ id, prompt: prompt(id) }))
    writeFileSync(rows, `${texts.join('\n')}\n`)
    const out = small.at('judged.jsonl')
    const batch = async (to: string, ...flags: string[]) =>
      await cli(['batch', rows, '--quiet', '--gpu', 'off', '--out', to, ...flags])
    small.fill('filler')
    // Room for some rows.
    writeFileSync(small.at('filler'), Buffer.alloc(240 * 1024))
    const failed = await batch(out)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain(`${out}.part could not be written to its end`)
    expect(failed.stderr).toContain('ERR_DISK_SPACE')
    const kept = Number(/(\d+) rows are kept/.exec(failed.stderr)?.[1])
    expect(kept).toBeGreaterThan(0)
    expect(readdirSync(small.folder).sort()).toEqual([
      'filler',
      'judged.jsonl.part',
      'judged.jsonl.part.json',
    ])
    rmSync(small.at('filler'))
    const resumed = await batch(out, '--resume')
    expect(resumed.code, resumed.stderr).toBe(0)
    expect(resumed.stderr).not.toContain('error')
    const whole = path.join(directory, 'whole.jsonl')
    expect((await batch(whole)).code).toBe(0)
    expect(readFileSync(out, 'utf8')).toBe(readFileSync(whole, 'utf8'))
    expect(readdirSync(small.folder)).toEqual(['judged.jsonl'])
  }, 60_000)

  it('batch --out in Parquet: the table appears whole or not at all', async () => {
    const rows = path.join(directory, 'few.jsonl')
    writeFileSync(rows, `${JSON.stringify({ prompt: 'How do I bake bread?' })}\n`)
    const out = small.at('judged.csv')
    rmSync(small.at('judged.jsonl'), { force: true })
    small.fill('filler')
    const { code, stderr } = await cli(['batch', rows, '--quiet', '--gpu', 'off', '--out', out])
    expect(code).toBe(1)
    expect(stderr).toContain('ERR_DISK_SPACE')
    expect(readdirSync(small.folder)).not.toContain('judged.csv')
    rmSync(small.at('filler'))
  })
})
