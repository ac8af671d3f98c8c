import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { compileBrokenAddon } from '../support/broken-addon.js'
import { type Finished, jsonLines, Running } from '../support/cli.js'
import { HubServer } from '../support/hub-server.js'
import { temporaryDirectory } from '../support/temporary.js'

const NAME = 'qwen3guard-stream-4b'
const REPOSITORY = 'Qwen/Qwen3Guard-Stream-4B'
const SHARD = 'model-00001-of-00002.safetensors'

const directory = temporaryDirectory()
let homes = 0
let home: string
let hub: HubServer

beforeEach(async () => {
  home = join(directory, `home-${homes++}`)
  hub = await HubServer.start()
  hub.offerCheckpoint(REPOSITORY, 'stream-bf16-sharded')
})

function start(args: string[], env: Record<string, string> = {}): Running {
  const running = new Running(args, { QWEN3GUARD_HOME: home, HF_ENDPOINT: hub.url, ...env })
  running.child.stdin.end()
  return running
}

async function run(args: string[], env: Record<string, string> = {}): Promise<Finished> {
  return await start(args, env).finished
}

function one({ stdout }: Finished): Record<string, unknown> {
  const values = jsonLines(stdout) as Record<string, unknown>[]
  expect(values).toHaveLength(1)
  return values[0]!
}

async function pulledNames(): Promise<string[]> {
  const { models } = one(await run(['models', '--json'])) as {
    models: { name: string; demonstration: boolean }[]
  }
  return models.filter(({ demonstration }) => !demonstration).map(({ name }) => name)
}

/** Resolves when the first shard has begun to arrive and nothing more comes. */
async function begun(): Promise<void> {
  const blobs = join(home, 'hub', 'models--Qwen--Qwen3Guard-Stream-4B', 'blobs')
  const size = () => {
    const partial = existsSync(blobs) && readdirSync(blobs).find((name) => name.endsWith('-incomplete'))
    return partial ? statSync(join(blobs, partial)).size : 0
  }
  while (hub.rangesOf(SHARD).length === 0 || size() !== 5000) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('pull', () => {
  it('pulls a model that check then judges with; --json prints one object', async () => {
    const pulled = await run(['pull', NAME, '--json'])
    expect(pulled).toMatchObject({ code: 0 })
    expect(one(pulled)).toMatchObject({ name: `${NAME}-q8_0`, variant: 'stream', alreadyInstalled: false })
    expect(await pulledNames()).toEqual([`${NAME}-q8_0`])
    const check = await run(['check', 'Hello', '--model', NAME, '--json'])
    expect(one(check)).toMatchObject({ model: NAME, kind: 'stream' })
    const again = await run(['pull', NAME, '--type', 'q8_0'])
    expect(again.stdout).toContain('unchanged')
  })

  it('pulls what models rm deletes again', async () => {
    const { path } = one(await run(['pull', NAME, '--json'])) as { path: string }
    const [inspected, listed] = [
      one(await run(['inspect', NAME, '--json'])),
      one(await run(['models', '--json'])) as { models: { name: string; license: string }[] },
    ]
    // Both commands name the same licence of a model.
    expect(inspected.license).toBe('apache-2.0')
    expect(listed.models.find(({ name }) => name === `${NAME}-q8_0`)?.license).toBe('apache-2.0')
    const near = await run(['models', 'rm', 'qwen3guard-stream-4c'])
    expect(near).toMatchObject({ code: 1, stderr: expect.stringContaining(`${NAME}-q8_0`) })
    expect(one(await run(['models', 'rm', NAME, '--json']))).toMatchObject({ name: `${NAME}-q8_0`, path })
    expect(existsSync(path)).toBe(false)
    expect(await pulledNames()).toEqual([])
    const gone = await run(['models', 'rm', NAME])
    expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining('ERR_MODEL_NOT_FOUND') })
  })

  it('by two processes at once downloads once and ends well in both', async () => {
    const [first, second] = await Promise.all([run(['pull', NAME, '--json']), run(['pull', NAME, '--json'])])
    expect([first.code, second.code]).toEqual([0, 0])
    const made = [one(first), one(second)]
    expect(made.map(({ alreadyInstalled }) => alreadyInstalled).sort()).toEqual([false, true])
    expect(made[0]!.sha256).toBe(made[1]!.sha256)
    expect(hub.rangesOf(SHARD)).toEqual(['bytes=0-'])
  })

  // A signal ends a process on Windows at once, whatever it would do about it.
  it.skipIf(process.platform === 'win32').each([
    ['SIGKILL', null],
    ['SIGINT', 130],
  ] as const)(
    'ended by %s leaves nothing that looks finished, and the next one resumes',
    async (signal, code) => {
      hub.faults.stallsAfter = 5000
      const running = start(['pull', NAME])
      await begun()
      running.child.kill(signal)
      expect(await running.finished).toMatchObject({ code, stdout: '' })
      expect(await pulledNames()).toEqual([])
      const check = await run(['check', 'Hello', '--model', NAME])
      expect(check.code).toBe(1)
      expect(check.stderr).toContain(`npx qwen3guard pull ${NAME}`)

      hub.faults.stallsAfter = null
      hub.seen.length = 0
      expect(await run(['pull', NAME])).toMatchObject({ code: 0 })
      expect(hub.rangesOf(SHARD)).toEqual(['bytes=5000-'])
    },
  )

  it('exits with 1, the code and what to do by hand when the hub refuses', async () => {
    hub.repositories.clear()
    const { code, stdout, stderr } = await run(['pull', NAME, '--json'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('(ERR_DOWNLOAD_REFUSED)')
    expect(stderr).toContain('qwen3guard convert DIR')
  })

  it.each([
    [['pull']],
    [['pull', 'qwen3guard-gen-1b']],
    [['pull', NAME, '--type', 'q9']],
    [['pull', `${NAME}-q9`]],
    [['pull', 'hf:someone/guard.gguf']],
    [['pull', 'hf:someone/guard/guard.gguf', '--type', 'f16']],
  ])('exits with 2 for %j', async (args) => {
    expect(await run(args)).toMatchObject({ code: 2, stdout: '' })
  })
})

describe('models', () => {
  it('lists the demonstration models with licence, size and path', async () => {
    const { models, directory } = one(await run(['models', '--json'])) as {
      models: Record<string, unknown>[]
      directory: string
    }
    expect(directory).toBe(join(home, 'models'))
    expect(models).toMatchObject([
      { name: 'demo-gen', variant: 'gen', license: 'apache-2.0', demonstration: true, problem: null },
      { name: 'demo-stream', variant: 'stream', license: 'apache-2.0', demonstration: true, problem: null },
    ])
    for (const { path, bytes } of models) expect(statSync(String(path)).size).toBe(bytes)
    expect((await run(['models'])).stdout).toMatch(/demo-gen +gen +q8_0 .*protects nobody/)
  })
})

describe('doctor', () => {
  it('prints what a bug report needs, and no token', async () => {
    const { code, stdout } = await run(['doctor', '--json'], { HF_TOKEN: 'hf_secret' })
    expect(code).toBe(0)
    expect(stdout).not.toContain('hf_secret')
    const pin = JSON.parse(readFileSync(new URL('../../native/llama.json', import.meta.url), 'utf8')) as {
      tag: string
    }
    const diagnosis = JSON.parse(stdout) as Record<string, Record<string, unknown>>
    expect(diagnosis).toMatchObject({
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      addon: { error: null, llamaCpp: pin.tag, backends: expect.arrayContaining(['cpu']) },
      directories: { models: join(home, 'models'), downloads: join(home, 'hub') },
      environment: { HF_TOKEN: '(set)' },
    })
    expect(existsSync(String(diagnosis.addon!.path))).toBe(true)
    expect(diagnosis.addon!.features).not.toEqual([])
    const { fault, untried, products } = diagnosis.addon!.selfTest as Record<string, unknown>
    expect({ fault, untried }).toEqual({ fault: null, untried: null })
    expect(products).toContainEqual({ type: 'q8_0', kernel: 'CPU', worst: expect.any(Number) })
    expect(diagnosis.memory!.availableBytes).toBeLessThanOrEqual(Number(diagnosis.memory!.totalBytes))
    const shown = (await run(['doctor'])).stdout
    expect(shown).toMatch(/llama\.cpp +v[\d.]+, patch [0-9a-f]+/)
    expect(shown).toMatch(/self-test +passed\n +CPU .*q8_0 0\.00\d\d.*\n/)
  })

  const release = join(directory, 'broken', 'build', 'Release')
  mkdirSync(release, { recursive: true })
  const compiled = compileBrokenAddon(join(release, 'qwen3guard.node'))
  it.runIf(compiled)('exits with 1 where the addon fails its self-test, and says how', async () => {
    const env = { QWEN3GUARD_PREBUILD: join(directory, 'broken'), QWEN3GUARD_SELF_TEST: '0' }
    const { code, stdout } = await run(['doctor'], env)
    expect(code).toBe(1)
    expect(stdout).toMatch(/self-test +FAILED: its self-test ended with SIG(ILL|TRAP)/)
  })

  it('says why the addon does not load, and exits with 1', async () => {
    for (const flags of [[], ['--json']]) {
      const { code, stdout, stderr } = await run(['doctor', ...flags], { QWEN3GUARD_PREBUILD: directory })
      expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
      expect(stdout).toContain('npx qwen3guard build')
      expect(stdout).toContain(process.version)
    }
  })
})
