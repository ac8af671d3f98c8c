import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { DownloadError, type GuardError, type ModelFileError } from '../../../lib/errors.js'
import { GenGuard, pullModel, StreamGuard } from '../../../lib/index.js'
import { convertCheckpoint } from '../../../lib/models/convert/convert.js'
import type { PullOptions } from '../../../lib/models/hub/pull-options.js'
import { checkpointPath } from '../../support/fixtures.js'
import { writeGguf } from '../../support/gguf-writer.js'
import {
  directory,
  home,
  hub,
  partials,
  REPOSITORY,
  refusal,
  registered,
  SHARDED,
  SHARDS,
} from '../../support/pulling.js'
import { setEntry, tinyModel } from '../../support/tiny-model.js'

describe('pullModel', () => {
  it('downloads, converts and registers a sharded checkpoint, which load then finds', async () => {
    await expect(StreamGuard.load({ model: SHARDED })).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringContaining(`npx qwen3guard pull ${SHARDED}`),
    })
    expect(hub.seen).toEqual([])

    const stages = new Set<string>()
    const model = await pullModel(SHARDED, { onProgress: ({ stage }) => stages.add(stage) })
    expect(model).toMatchObject({
      name: `${SHARDED}-q8_0`,
      variant: 'stream',
      type: 'q8_0',
      license: 'apache-2.0',
      repository: REPOSITORY,
      revision: hub.repositories.get(REPOSITORY)!.commit,
      alreadyInstalled: false,
    })
    expect(stages).toEqual(new Set(['download', 'verify', 'convert']))

    const byHand = join(directory, 'by-hand.gguf')
    await convertCheckpoint(checkpointPath('stream-bf16-sharded'), byHand, {
      type: 'q8_0',
      name: 'Qwen3Guard-Stream-4B',
    })
    expect(readFileSync(model.path).equals(readFileSync(byHand))).toBe(true)
    expect(registered().sort()).toEqual([`${SHARDED}-q8_0.gguf`, `${SHARDED}-q8_0.json`])
    expect(partials()).toEqual([])

    const guard = await StreamGuard.load({ model: SHARDED })
    expect((await guard.classifyPrompt('Hello')).probabilities.Safe).toBeGreaterThan(0)
    await guard.close()
    await expect(GenGuard.load({ model: SHARDED })).rejects.toMatchObject({ code: 'ERR_MODEL_KIND' })
  })

  it("leaves the checkpoint in the hub's cache layout, and converts it to another type without the network", async () => {
    const { checkpoint, revision } = await pullModel(SHARDED)
    const folder = join(home, 'hub', 'models--Qwen--Qwen3Guard-Stream-4B')
    expect(checkpoint).toBe(join(folder, 'snapshots', revision))
    expect(readFileSync(join(folder, 'refs', 'main'), 'utf8')).toBe(revision)
    for (const shard of SHARDS) {
      const original = join(checkpointPath('stream-bf16-sharded'), shard)
      expect(readFileSync(join(checkpoint!, shard)).equals(readFileSync(original))).toBe(true)
    }
    hub.seen.length = 0
    expect((await pullModel(SHARDED, { type: 'f32', deleteCheckpoint: true })).checkpoint).toBe(null)
    expect(SHARDS.flatMap((shard) => hub.rangesOf(shard))).toEqual([])
    expect(existsSync(folder)).toBe(false)
  })

  it('uses the Hugging Face cache where QWEN3GUARD_HOME is not set', async () => {
    vi.stubEnv('QWEN3GUARD_HOME', undefined)
    vi.stubEnv('XDG_DATA_HOME', join(home, 'data'))
    vi.stubEnv('LOCALAPPDATA', join(home, 'data'))
    vi.stubEnv('HOME', join(home, 'data'))
    vi.stubEnv('HF_HUB_CACHE', undefined)
    vi.stubEnv('HUGGINGFACE_HUB_CACHE', undefined)
    vi.stubEnv('HF_HOME', join(home, 'hf'))
    const model = await pullModel(SHARDED)
    expect(model.checkpoint?.startsWith(join(home, 'hf', 'hub', 'models--'))).toBe(true)
    expect(model.path.startsWith(join(home, 'data'))).toBe(true)
  })

  it('asks the network for nothing when the model is there, and refuses one that changed', async () => {
    const { path, name } = await pullModel(SHARDED)
    hub.close()
    expect(await pullModel(SHARDED)).toMatchObject({ name, path, alreadyInstalled: true })

    const bytes = readFileSync(path)
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(path, bytes)
    expect(await refusal(SHARDED)).toMatchObject({ code: 'ERR_MODEL_HASH' })
    writeFileSync(path, bytes.subarray(1))
    await expect(StreamGuard.load({ model: SHARDED })).rejects.toMatchObject({ code: 'ERR_MODEL_HASH' })
  })

  it('asks which type is meant where q8_0 is not among several', async () => {
    await pullModel(SHARDED, { type: 'f16' })
    const alone = await StreamGuard.load({ model: SHARDED })
    await alone.close()
    await pullModel(`${SHARDED}-f32`)
    await expect(StreamGuard.load({ model: SHARDED })).rejects.toMatchObject({
      message: expect.stringMatching(/-f16, .*-f32/),
    })
    const named = await StreamGuard.load({ model: `${SHARDED}-f32` })
    await named.close()
  })

  it('refuses names and types that are none', async () => {
    await expect(pullModel('qwen3guard-gen-1b')).rejects.toThrow(TypeError)
    await expect(pullModel('hf:someone/repository/../../etc/model.gguf')).rejects.toThrow(TypeError)
    await expect(pullModel(SHARDED, { type: 'q9' as 'q8_0' })).rejects.toThrow(TypeError)
    await expect(pullModel(`${SHARDED}-f16`, { type: 'f32' })).rejects.toThrow(TypeError)
    expect(hub.seen).toEqual([])
  })
})

describe('a download', () => {
  it('goes on where a connection was cut', async () => {
    hub.faults.cuts.set(SHARDS[0], [1000, 50_000])
    const model = await pullModel(SHARDED)
    expect(hub.rangesOf(SHARDS[0])).toEqual(['bytes=0-', 'bytes=1000-', 'bytes=51000-'])
    expect(statSync(model.path).size).toBe(model.bytes)
  })

  it('is whole from a server that knows no ranges', async () => {
    hub.faults.ignoresRanges = true
    hub.faults.cuts.set(SHARDS[0], [1000])
    await pullModel(SHARDED)
    expect(hub.rangesOf(SHARDS[0])).toHaveLength(2)
  })

  it('gives up when nothing new arrives, keeps what has, and the next one goes on from it', async () => {
    hub.faults.cuts.set(SHARDS[1], [3000, 0, 0, 0, 0])
    const error = await refusal(SHARDED)
    expect(error).toBeInstanceOf(DownloadError)
    expect(error).toMatchObject({ code: 'ERR_DOWNLOAD' })
    expect(error.message).toContain('3000 of ')
    expect(registered()).toEqual([])
    expect(partials()).toHaveLength(1)
    hub.seen.length = 0
    await pullModel(SHARDED)
    expect(hub.rangesOf(SHARDS[0])).toEqual([])
    expect(hub.rangesOf(SHARDS[1])).toEqual(['bytes=3000-'])
  })

  it('tries again when the hub is busy', async () => {
    hub.faults.statuses.push(503, 429)
    await pullModel(SHARDED)
    expect(hub.seen.slice(0, 3).map(({ path }) => path)).toEqual(Array(3).fill(hub.seen[0]?.path))
  })

  it('can be aborted, leaves no lock, and is resumed', async () => {
    hub.faults.stallsAfter = 5000
    const abort = new AbortController()
    const reason = new Error('enough')
    const pulling = pullModel(SHARDED, {
      signal: abort.signal,
      onProgress: () => {
        if (hub.rangesOf(SHARDS[0]).length > 0) abort.abort(reason)
      },
    })
    await expect(pulling).rejects.toBe(reason)
    expect(registered()).toEqual([])
    hub.faults.stallsAfter = null
    hub.seen.length = 0
    await pullModel(SHARDED)
    expect(hub.rangesOf(SHARDS[0])).toEqual([expect.stringMatching(/^bytes=[1-9]\d*-$/)])
  })

  it('happens once when two processes pull, here in one', async () => {
    const stages: string[] = []
    const onProgress: PullOptions['onProgress'] = ({ stage }) => stages.push(stage)
    const [first, second] = await Promise.all([
      pullModel(SHARDED, { onProgress }),
      pullModel(SHARDED, { type: 'f16', onProgress }),
    ])
    expect(stages).toContain('wait')
    for (const shard of SHARDS) expect(hub.rangesOf(shard)).toEqual(['bytes=0-'])
    expect([first.type, second.type]).toEqual(['q8_0', 'f16'])
  })

  it('does not wait for a process that was killed', async () => {
    const locks = join(home, 'models', '.locks')
    mkdirSync(locks, { recursive: true })
    // No process has this id: Linux's are below 2^22.
    writeFileSync(join(locks, 'Qwen--Qwen3Guard-Stream-4B.lock'), `${2 ** 30} ${hostname()} some-id`)
    const stages: string[] = []
    await pullModel(SHARDED, { onProgress: ({ stage }) => stages.push(stage) })
    expect(stages).not.toContain('wait')
  })
})

describe('a GGUF that is ready', () => {
  const name = 'hf:someone/Guard-GGUF/q8/guard.Q8_0.gguf'
  const offer = (file: Buffer) => hub.offer('someone/Guard-GGUF', new Map([['q8/guard.Q8_0.gguf', file]]))

  it('is taken as it is, and found by the name it was pulled by', async () => {
    await expect(GenGuard.load({ model: name })).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringContaining(`pull ${name}`),
    })
    const file = readFileSync(new URL('../../../models/demo-gen.gguf', import.meta.url))
    offer(file)
    const model = await pullModel(name)
    expect(model).toMatchObject({ name, variant: 'gen', type: 'q8_0', repository: 'someone/Guard-GGUF' })
    expect(readFileSync(model.path).equals(file)).toBe(true)
    const guard = await GenGuard.load({ model: name })
    await guard.close()
    await expect(pullModel(name, { type: 'f16' })).rejects.toThrow(TypeError)
  })

  it.each([
    ['a general chat template', 'ERR_TEMPLATE', chatting()],
    ['a broken header', 'ERR_MODEL_INVALID', writeGguf(tinyModel('gen')).subarray(0, 2000)],
    ['another architecture', 'ERR_MODEL_KIND', foreign()],
  ])('is not registered with %s', async (_, code, file) => {
    offer(Buffer.from(file))
    const error: ModelFileError | GuardError = await refusal(name)
    expect(error.code).toBe(code)
    expect(registered()).toEqual([])
  })

  it('that is not in the repository is refused', async () => {
    offer(Buffer.alloc(1))
    const error = await refusal('hf:someone/Guard-GGUF/other.gguf')
    expect(error.code).toBe('ERR_DOWNLOAD_REFUSED')
  })
})

function chatting(): Uint8Array {
  const model = tinyModel('gen')
  setEntry(model, 'tokenizer.chat_template', 'string', '{{ messages[0].content }}<|im_start|>assistant\n')
  return writeGguf(model)
}

function foreign(): Uint8Array {
  const model = tinyModel('gen')
  setEntry(model, 'general.architecture', 'string', 'llama')
  return writeGguf(model)
}
