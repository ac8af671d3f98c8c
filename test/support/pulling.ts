import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { GuardError } from '../../lib/errors.js'
import { pullModel } from '../../lib/index.js'
import type { PullOptions } from '../../lib/models/hub/pull-options.js'
import { HubServer } from './hub-server.js'
import { temporaryDirectory } from './temporary.js'

export const SHARDED = 'qwen3guard-stream-4b'
export const REPOSITORY = 'Qwen/Qwen3Guard-Stream-4B'
export const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const

export const directory = temporaryDirectory()
let homes = 0
export let home: string
export let hub: HubServer

beforeEach(async () => {
  home = join(directory, `home-${homes++}`)
  vi.stubEnv('QWEN3GUARD_HOME', home)
  vi.stubEnv('HF_TOKEN', undefined)
  hub = await HubServer.start()
  vi.stubEnv('HF_ENDPOINT', hub.url)
  hub.offerCheckpoint(REPOSITORY, 'stream-bf16-sharded')
})

afterEach(() => {
  vi.unstubAllEnvs()
  hub.close()
})

export async function refusal(name: string, options?: PullOptions): Promise<GuardError> {
  const error = await pullModel(name, options).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(GuardError)
  return error as GuardError
}

export function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
}

export function registered(): string[] {
  return filesUnder(join(home, 'models')).map((file) => file.slice(join(home, 'models').length + 1))
}

export function partials(): string[] {
  return filesUnder(home).filter((file) => file.endsWith('-incomplete'))
}

/** Forgets what was downloaded, but not what was registered. */
export function dropDownloads(): void {
  rmSync(join(home, 'hub'), { recursive: true })
}
