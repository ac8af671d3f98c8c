import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { DiskSpaceError, type DownloadError, type GuardError } from '../../../lib/errors.js'
import { pullModel } from '../../../lib/index.js'
import {
  dropDownloads,
  home,
  hub,
  partials,
  REPOSITORY,
  refusal,
  registered,
  SHARDED,
  SHARDS,
} from '../../support/pulling.js'

describe('a download is refused', () => {
  const expectNothing = (error: GuardError, code: string) => {
    expect(error.code).toBe(code)
    expect(registered()).toEqual([])
  }

  it('when a file is not what the hub promised, and nothing of it is kept', async () => {
    const altered = Buffer.from(hub.repositories.get(REPOSITORY)!.files.get(SHARDS[1])!)
    altered[9000]! ^= 1
    hub.faults.altered.set(SHARDS[1], altered)
    const error = await refusal(SHARDED)
    expectNothing(error, 'ERR_MODEL_HASH')
    expect(error.message).toContain(SHARDS[1])
    expect(partials()).toEqual([])
    hub.faults.altered.clear()
    await pullModel(SHARDED)
  })

  it.each([
    '../../escape.json',
    '/etc/escape',
    'a/../../escape',
    'a\\..\\escape',
    './config.json',
    'C:escape',
  ])('when the listing names %s, of which no path is made', async (name) => {
    hub.faults.listsMore = [name]
    const error = await refusal(SHARDED)
    hub.faults.listsMore = []
    expectNothing(error, 'ERR_DOWNLOAD')
    expect(error.message).toContain('is no path of a file')
  })

  it('when a small file is not the blob that git knows', async () => {
    const config = hub.repositories.get(REPOSITORY)!.files.get('config.json')!
    hub.faults.altered.set('config.json', Buffer.from(config.toString('latin1').replace('1', '2'), 'latin1'))
    expectNothing(await refusal(SHARDED), 'ERR_MODEL_HASH')
  })

  it('when weights are not the pinned ones: before the download where the hub says so, else after it', async () => {
    const pinned = 'qwen3guard-stream-0.6b'
    hub.offerCheckpoint(
      'Qwen/Qwen3Guard-Stream-0.6B',
      'stream-f32-tied',
      '419364a715de9840d47b1457982f64ff37f90ed4',
    )
    expectNothing(await refusal(pinned), 'ERR_MODEL_HASH')
    expect(hub.rangesOf('model.safetensors')).toEqual([])
    hub.faults.listsNoLfs = true
    const error = await refusal(pinned)
    expectNothing(error, 'ERR_MODEL_HASH')
    expect(error.message).toContain('pins')
  })

  it('when a hash is not the one recorded on first use', async () => {
    await pullModel(SHARDED)
    dropDownloads()
    const files = hub.repositories.get(REPOSITORY)!.files
    files.set('tokenizer_config.json', Buffer.from(`${files.get('tokenizer_config.json')} `))
    const error = await refusal(SHARDED, { type: 'f16' })
    expect(error.code).toBe('ERR_MODEL_HASH')
    expect(error.message).toContain(join(home, 'models', `${SHARDED}-q8_0.json`))
    rmSync(join(home, 'models', `${SHARDED}-q8_0.json`))
    await pullModel(SHARDED, { type: 'f16' })
  })

  it('when the repository lacks a shard that its index names: before any shard', async () => {
    hub.repositories.get(REPOSITORY)!.files.delete(SHARDS[1])
    const error = await refusal(SHARDED)
    expectNothing(error, 'ERR_CHECKPOINT_INVALID')
    expect(error.message).toContain(SHARDS[1])
    expect(hub.rangesOf(SHARDS[0])).toEqual([])
  })

  it('when a listed shard is not there', async () => {
    hub.faults.gone.add(SHARDS[1])
    const error = await refusal(SHARDED)
    expectNothing(error, 'ERR_DOWNLOAD_REFUSED')
    expect((error as DownloadError).status).toBe(404)
  })

  it('when the disk cannot hold it: before the download, with both sizes', async () => {
    hub.faults.sizes.set(SHARDS[0], 1e15)
    const error = await refusal(SHARDED)
    expectNothing(error, 'ERR_DISK_SPACE')
    const { neededBytes, availableBytes } = error as DiskSpaceError
    expect(error).toBeInstanceOf(DiskSpaceError)
    expect(neededBytes).toBeGreaterThan(1e15)
    expect(availableBytes).toBeGreaterThan(0)
    expect(error.message).toContain('1000000.')
    expect(hub.rangesOf(SHARDS[0])).toEqual([])
  })

  it('with 401 unless HF_TOKEN is right; the token is not shown, nor sent to another host', async () => {
    hub.token = 'hf_right'
    const without = await refusal(SHARDED)
    expectNothing(without, 'ERR_DOWNLOAD_REFUSED')
    expect(without.message).toContain('set HF_TOKEN')
    vi.stubEnv('HF_TOKEN', 'hf_wrong')
    const wrong = await refusal(SHARDED)
    expect((wrong as DownloadError).status).toBe(401)
    expect(`${wrong.stack} ${JSON.stringify(wrong)}`).not.toContain('hf_wrong')
    vi.stubEnv('HF_TOKEN', 'hf_ri\nght')
    await expect(pullModel(SHARDED)).rejects.toThrow(/^(?!.*ght).*HF_TOKEN/s)

    vi.stubEnv('HF_TOKEN', 'hf_right')
    hub.seen.length = 0
    await pullModel(SHARDED)
    const hosts = new Map(hub.seen.map(({ host, authorization }) => [host, authorization]))
    expect([...hosts.values()].sort()).toEqual(['Bearer hf_right', undefined])
  })

  it('with 404 for a repository that is not there, saying what to do by hand', async () => {
    hub.repositories.clear()
    const error = await refusal(SHARDED, { type: 'f16' })
    expectNothing(error, 'ERR_DOWNLOAD_REFUSED')
    expect(error.message).toContain(`https://huggingface.co/${REPOSITORY}/tree/main`)
    expect(error.message).toContain(`qwen3guard convert DIR ${SHARDED}-f16.gguf --type f16`)
  })

  it('without a network, saying what to do by hand', async () => {
    hub.close()
    const error = await refusal(SHARDED)
    expectNothing(error, 'ERR_DOWNLOAD')
    expect(error.message).toContain('ECONNREFUSED')
    expect(error.message).toContain('qwen3guard convert')
  })

  it('by an address that is no hub', async () => {
    const page = createServer((_, response) => response.end('<html>Log in to the network</html>'))
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve))
    vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${(page.address() as AddressInfo).port}`)
    expectNothing(await refusal(SHARDED), 'ERR_DOWNLOAD')
    page.close()
    for (const endpoint of ['huggingface.co', 'https://me:secret@huggingface.co']) {
      vi.stubEnv('HF_ENDPOINT', endpoint)
      await expect(pullModel(SHARDED)).rejects.toThrow(/^(?!.*secret).*HF_ENDPOINT/s)
    }
  })

  it('when the repository holds another variant', async () => {
    hub.offerCheckpoint('Qwen/Qwen3Guard-Stream-8B', 'gen-f32-tied')
    expectNothing(await refusal('qwen3guard-stream-8b'), 'ERR_MODEL_KIND')
  })
})
