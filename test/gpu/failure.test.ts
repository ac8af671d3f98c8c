import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { SOFTWARE_DRIVER, vulkanAddon } from '../support/gpu.js'
import { temporaryDirectory } from '../support/temporary.js'

const SUPPORT = fileURLToPath(new URL('../support/vulkan/', import.meta.url))
const ENTRY = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

const directory = temporaryDirectory()

function compile(source: string): string {
  const library = path.join(directory, source.replace('.c', '.so'))
  const words = ['-shared', '-fPIC', '-O1', path.join(SUPPORT, source), '-o', library, '-ldl']
  const { status, stderr } = spawnSync('cc', words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return library
}

function run(words: string[], env: Record<string, string>) {
  const start = () =>
    spawnSync(process.execPath, ['--no-warnings', ...words], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
    })
  let child = start()
  // One of some hundred processes over Mesa's software driver ended by a signal, at a place not known; none of 420 more
  // did. What crashes twice is ours to mend.
  if (child.signal !== null) {
    console.warn(
      `${words.at(-1)} ended by ${child.signal}, having said ${JSON.stringify(child.stdout)}: once more`,
    )
    child = start()
  }
  expect(child, child.stderr).toMatchObject({ status: 0, signal: null })
  // What a back end says goes through the log.
  expect(child.stderr).not.toContain('ggml_')
  return JSON.parse(child.stdout)
}

/** What a program in a process of its own prints, as JSON. */
function load(options: string, env: Record<string, string>) {
  const program = `
    import { GenGuard } from ${JSON.stringify(ENTRY)}
    import { readFileSync } from 'node:fs'
    const log = []
    let seen
    try {
      const guard = await GenGuard.load({ model: 'demo', logLevel: 'warn', onLog: (level, text) => log.push([level, text]), ...${options} })
      seen = { device: guard.device, safety: (await guard.classify('How can I make a bomb?')).safety }
      await guard.close()
    } catch ({ name, code, message }) {
      seen = { name, code, message }
    }
    const maps = process.platform === 'linux' ? readFileSync('/proc/self/maps', 'utf8') : ''
    // By their own names: a folder above may have any.
    const opened = [...new Set(maps.match(/\\/\\S+/g) ?? [])].filter((file) =>
      /(vulkan|cuda|cublas|nvidia)[^/]*(\\/qwen3guard\\.node)?$/i.test(file))
    console.log(JSON.stringify({ ...seen, log, opened }))`
  return run(['--input-type=module', '-e', program], env)
}

/** A folder for QWEN3GUARD_PREBUILD: the local CPU build, and a file in a GPU addon's place. */
function withGpuAddon(backend: string, content: Buffer | string): Record<string, string> {
  const root = path.join(directory, `with-${backend}-${String(content).length}`)
  const release = path.join(root, 'build', 'Release')
  mkdirSync(path.join(release, backend), { recursive: true })
  writeFileSync(
    path.join(release, 'qwen3guard.node'),
    readFileSync(fileURLToPath(new URL('../../build/Release/qwen3guard.node', import.meta.url))),
  )
  writeFileSync(path.join(release, backend, 'qwen3guard.node'), content)
  return { QWEN3GUARD_PREBUILD: root, QWEN3GUARD_CACHE: path.join(directory, 'cache') }
}

describe('a GPU addon that cannot be used', () => {
  it('is named with the reason when its back end was asked for', () => {
    const seen = load(`{ gpu: 'cuda' }`, withGpuAddon('cuda', 'not a binary'))
    expect(seen).toMatchObject({ name: 'BackendError', code: 'ERR_BACKEND_FAILED' })
    expect(seen.message).toMatch(/gpu: 'cuda' cannot be used here: .*(invalid ELF header|file too short)/s)
  })

  it("leaves gpu: 'auto' to the CPU, which says why", () => {
    const seen = load('{}', withGpuAddon('cuda', 'not a binary'))
    expect(seen.device).toMatchObject({ backend: 'cpu', name: 'CPU', description: null })
    expect(seen.device.fallback).toMatch(/^cuda: .*(invalid ELF header|file too short)/s)
    expect(seen.log[0]).toEqual(['warn', expect.stringContaining(seen.device.fallback)])
    expect(seen.safety).toBe('Unsafe')
  })

  it('is one that finds no device', () => {
    const cpu = readFileSync(fileURLToPath(new URL('../../build/Release/qwen3guard.node', import.meta.url)))
    const seen = load(`{ gpu: 'vulkan' }`, withGpuAddon('vulkan', cpu))
    expect(seen).toMatchObject({ code: 'ERR_BACKEND_FAILED' })
    expect(seen.message).toContain('its driver finds no device')
  })
})

describe.runIf(vulkanAddon)('the Vulkan addon', () => {
  it.runIf(process.platform === 'linux')('is not opened with gpu: false, nor its loader', () => {
    const seen = load('{ gpu: false }', SOFTWARE_DRIVER)
    expect(seen.device).toMatchObject({ backend: 'cpu', fallback: null })
    expect(seen.opened).toEqual([])
  })

  it('never runs on the CPU in silence where there is no device', () => {
    const none = {
      GGML_VK_VISIBLE_DEVICES: '',
      VK_DRIVER_FILES: '/nowhere.json',
      VK_ICD_FILENAMES: '/nowhere.json',
    }
    expect(load(`{ gpu: 'vulkan' }`, none)).toMatchObject({ code: 'ERR_BACKEND_FAILED' })
    const seen = load('{}', none)
    expect(seen.device.backend).toBe('cpu')
    expect(seen.device.fallback).toContain('finds no device')
    expect(seen.opened).toEqual([])
  })
})

describe.runIf(vulkanAddon && process.platform === 'linux')('a driver that fails', () => {
  let failing: string
  let crashing: string
  beforeAll(() => {
    failing = compile('failing.c')
    const driver = path.join(directory, 'crashing.json')
    const ICD = { library_path: compile('crashing.c'), api_version: '1.3.0' }
    writeFileSync(driver, JSON.stringify({ file_format_version: '1.0.0', ICD }))
    crashing = driver
  })

  it('ends its probe and not the application', () => {
    const env = { ...SOFTWARE_DRIVER, VK_DRIVER_FILES: crashing, VK_ICD_FILENAMES: crashing }
    const named = load(`{ gpu: 'vulkan' }`, env)
    expect(named).toMatchObject({ name: 'BackendError', code: 'ERR_BACKEND_FAILED' })
    expect(named.message).toContain('was ended by SIGABRT')
    const auto = load('{}', env)
    expect(auto.device).toMatchObject({ backend: 'cpu', fallback: expect.stringContaining('SIGABRT') })
    expect(auto.safety).toBe('Unsafe')
  })

  it('that hangs is given up, and found to hang once', () => {
    const driver = path.join(directory, 'hanging.json')
    const ICD = { library_path: compile('hanging.c'), api_version: '1.3.0' }
    writeFileSync(driver, JSON.stringify({ file_format_version: '1.0.0', ICD }))
    const env = { VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver, QWEN3GUARD_PROBE_MS: '3000' }
    const started = performance.now()
    const named = load(`{ gpu: 'vulkan' }`, { ...SOFTWARE_DRIVER, ...env })
    expect(named).toMatchObject({ name: 'BackendError', code: 'ERR_BACKEND_FAILED' })
    expect(named.message).toContain('did not answer within 3 s')
    // It hangs for an hour.
    expect(performance.now() - started).toBeLessThan(120_000)
  })

  it('fails every waiting call when the device is lost, and the process goes on', {
    timeout: 600_000,
  }, () => {
    const file = path.join(directory, 'lost')
    const env = { ...SOFTWARE_DRIVER, LD_PRELOAD: failing, DEVICE_LOST: file }
    const seen = run([path.join(SUPPORT, 'losing-child.mjs'), 'lost', file], env)
    const lost = {
      name: 'BackendError',
      code: 'ERR_BACKEND_FAILED',
      message: expect.stringContaining('Vulkan0'),
    }
    expect(seen.before).toBe('Safe')
    expect(seen.waiting).toEqual(Array.from({ length: 8 }, () => expect.objectContaining(lost)))
    expect(seen.later).toMatchObject(lost)
    expect(seen.push).toMatchObject(lost)
    // Fails closed: nothing of the reply is released.
    expect(seen.events).toEqual([
      ['block', 'failure', 'ERR_BACKEND_FAILED'],
      ['end', null, null],
    ])
    expect(seen.cpu).toBe('Unsafe')
  })

  it('gives a typed error with sizes when its memory is full, and loads later', { timeout: 600_000 }, () => {
    const file = path.join(directory, 'full')
    const env = { ...SOFTWARE_DRIVER, LD_PRELOAD: failing, DEVICE_FULL: file }
    const seen = run([path.join(SUPPORT, 'losing-child.mjs'), 'full', file], env)
    expect(seen.load).toMatchObject({ name: 'MemoryError', code: 'ERR_MEMORY' })
    expect(seen.load.message).toMatch(/Vulkan0.* about \d+ MiB are needed, and \d+ of \d+ MiB were free/)
    expect(seen.load.neededBytes).toBeGreaterThan(8e6)
    // Of the device, which the software driver says has two gigabytes at most.
    const inDecode = { name: 'MemoryError', code: 'ERR_MEMORY' }
    expect(seen.decode).toMatchObject(inDecode)
    expect(seen.decode.message).toMatch(/Vulkan0 .*ran out of memory in a decode: .* of \d+ MiB free/)
    expect(seen.decode.neededBytes).toBe(null)
    expect(seen.decode.availableBytes).toBeLessThanOrEqual(2 ** 31)
    expect(seen.later).toMatchObject(inDecode)
    expect(seen.after).toBe('Unsafe')
    expect(existsSync(file)).toBe(false)
  })
})
