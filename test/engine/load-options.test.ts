import { describe, expect, it, vi } from 'vitest'
import { availableMemory } from '../../lib/binding/available-memory.js'
import { loadEngine } from '../../lib/engine/load.js'
import { validateLoadOptions } from '../../lib/engine/load-options.js'
import { estimateMemory, kvBytesPerCell, requireMemory, weightBytes } from '../../lib/engine/memory.js'
import { Model } from '../../lib/engine/model.js'
import { defaultThreads } from '../../lib/engine/threads.js'
import { AddonLoadError, MemoryError, ModelFileError, ModelKindError } from '../../lib/errors.js'
import { GenGuard, StreamGuard } from '../../lib/index.js'
import { resolveModel } from '../../lib/models/resolve.js'
import type { LoadOptions } from '../../lib/types.js'
import { fixtureModel } from '../support/fixture-model.js'

describe('validateLoadOptions', () => {
  const wrong: [options: Record<string, unknown>, type: typeof Error, names: string][] = [
    [{ model: 7 }, TypeError, 'model'],
    [{ model: '' }, TypeError, 'model'],
    [{ threads: 0 }, RangeError, 'threads'],
    [{ threads: 1.5 }, TypeError, 'threads'],
    [{ threads: '4' }, TypeError, 'threads'],
    [{ contextSize: Number.NaN }, TypeError, 'contextSize'],
    [{ maxSequences: 257 }, RangeError, 'maxSequences'],
    [{ maxQueue: -1 }, RangeError, 'maxQueue'],
    [{ gpu: 'rocm' }, TypeError, 'gpu'],
    [{ kvType: 'q4_0' }, TypeError, 'kvType'],
    [{ flashAttention: 'yes' }, TypeError, 'flashAttention'],
    [{ kvType: 'q8_0', flashAttention: false }, TypeError, 'flash attention'],
    [{ logLevel: 'trace' }, TypeError, 'logLevel'],
    [{ onLog: 'console' }, TypeError, 'onLog'],
    [{ signal: {} }, TypeError, 'signal'],
  ]
  it.each(wrong)('refuses %o and names the option', (options, type, names) => {
    const validate = () => validateLoadOptions({ model: 'demo', ...options } as LoadOptions, 'gen')
    expect(validate).toThrow(type)
    expect(validate).toThrow(names)
  })

  it('accepts what the type allows', () => {
    validateLoadOptions({ model: 'demo' }, 'gen')
    const options = { threads: 512, gpu: false, kvType: 'q8_0', flashAttention: true, maxQueue: 0 } as const
    validateLoadOptions({ model: 'demo', ...options }, 'stream')
  })
})

describe('the demonstration model', () => {
  it.each([
    ['no options', undefined],
    ['no model', {}],
    ['a model that is undefined', { model: undefined }],
    ['a model that is null', { model: null }],
    ['an empty name', { model: '' }],
    ['a key that is none', { modelPath: 'guard.gguf' }],
    ['a name in place of options', 'qwen3guard-gen-0.6b'],
  ])('is never loaded for %s: the error says what to give', async (_case, options) => {
    for (const [Guard, name] of [
      [GenGuard, 'qwen3guard-gen-0.6b'],
      [StreamGuard, 'qwen3guard-stream-0.6b'],
    ] as const) {
      const loading = Guard.load(options as unknown as LoadOptions)
      await expect(loading).rejects.toThrow(TypeError)
      await expect(loading).rejects.toThrow(`npx qwen3guard pull ${name}`)
      await expect(loading).rejects.toThrow("model: 'demo'")
    }
  })
})

describe('resolveModel', () => {
  it('knows the demonstration models, official names and paths', () => {
    vi.stubEnv('QWEN3GUARD_HOME', 'nowhere')
    expect(resolveModel('demo', 'gen')).toMatch(/models[\\/]demo-gen\.gguf$/)
    expect(resolveModel('demo', 'stream')).toMatch(/models[\\/]demo-stream\.gguf$/)
    expect(resolveModel('demo-gen', 'stream')).toMatch(/demo-gen\.gguf$/)
    expect(resolveModel('./my.gguf', 'gen')).toMatch(/my\.gguf$/)
    expect(() => resolveModel('qwen3guard-stream-8b', 'stream')).toThrow(ModelFileError)
    expect(() => resolveModel('qwen3guard-stream-8b', 'stream')).toThrow('pull qwen3guard-stream-8b')
    vi.unstubAllEnvs()
  })
})

describe('loadEngine', () => {
  it('says which variant a file is when the other was asked for', async () => {
    const stream = loadEngine({ model: await fixtureModel('stream-f32-tied') }, 'gen')
    await expect(stream).rejects.toBeInstanceOf(ModelKindError)
    await expect(stream).rejects.toThrow('StreamGuard')
    const gen = loadEngine({ model: await fixtureModel('gen-f32-tied') }, 'stream')
    await expect(gen).rejects.toBeInstanceOf(ModelKindError)
    await expect(gen).rejects.toThrow('GenGuard')
  })

  it('refuses a back end that no addon here has, and says how to get one', async () => {
    const gpu = process.platform === 'darwin' ? 'cuda' : 'metal'
    const loading = loadEngine({ model: await fixtureModel('gen-f32-tied'), gpu }, 'gen')
    await expect(loading).rejects.toBeInstanceOf(AddonLoadError)
    await expect(loading).rejects.toMatchObject({ code: 'ERR_BACKEND_MISSING' })
    await expect(loading).rejects.toThrow(
      `npm install @qwen3guard/${gpu}-${process.platform}-${process.arch}`,
    )
    await expect(loading).rejects.toThrow(`npx qwen3guard build --gpu ${gpu}`)
  })

  it("rejects with the signal's reason, whatever that is", async () => {
    const model = await fixtureModel('gen-f32-tied')
    const coded = Object.assign(new Error('mine'), { code: 'ERR_DECODE' })
    for (const reason of [null, coded]) {
      const abort = new AbortController()
      const loading = loadEngine({ model, signal: abort.signal }, 'gen')
      abort.abort(reason)
      expect(await loading.catch((error: unknown) => ({ error }))).toEqual({ error: reason })
    }
  })

  it('goes on when onLog throws, and lets other listeners hear', async () => {
    const model = await fixtureModel('gen-f32-tied')
    const lines: string[] = []
    const warnings: string[] = []
    const onWarning = (warning: Error) => warnings.push(warning.message)
    process.on('warning', onWarning)
    const bad = await loadEngine(
      {
        model,
        logLevel: 'info',
        onLog: () => {
          throw new Error('no log')
        },
      },
      'gen',
    )
    const good = await loadEngine({ model, logLevel: 'info', onLog: (_, line) => lines.push(line) }, 'gen')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(lines.length).toBeGreaterThan(0)
    expect(warnings.filter((message) => message.includes('no log'))).toEqual(['onLog threw: no log'])
    await bad.close()
    await good.close()
    process.off('warning', onWarning)
  })

  it('refuses a context the model was not trained for', async () => {
    const loading = loadEngine({ model: await fixtureModel('gen-f32-tied'), contextSize: 1 << 20 }, 'gen')
    await expect(loading).rejects.toBeInstanceOf(RangeError)
  })

  it("hands llama.cpp's log to onLog, and nothing after close", async () => {
    const lines: string[] = []
    const loaded = await loadEngine(
      {
        model: await fixtureModel('gen-f32-tied'),
        logLevel: 'info',
        onLog: (level, message) => lines.push(`${level} ${message}`),
      },
      'gen',
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(lines.some((line) => line.startsWith('info ') && line.includes('n_ctx'))).toBe(true)
    await loaded.close()
    const count = lines.length
    const again = await loadEngine({ model: await fixtureModel('gen-f32-tied') }, 'gen')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(lines.length).toBe(count)
    await again.close()
  })
})

describe('memory', () => {
  it('is counted before it is taken, and refused with both sizes', async () => {
    const model = await Model.load(await fixtureModel('stream-f32-tied'), { gpu: false })
    const engine = {
      contextSize: 1024,
      maxSequences: 4,
      cells: 0,
      unified: false,
      maxQueue: 1,
      batchSize: 512,
      maxOutputs: 512,
      prefillTokens: 128,
      offloads: false,
      alone: null,
      keeps: true,
      threads: 1,
      kvType: 'f16',
      flashAttention: 'auto',
    } as const
    const { blockCount, headCountKv, keyLength } = model.description
    const need = estimateMemory(model.description, engine, weightBytes(model.description, false))
    expect(need.kvCache).toBe(4 * 1024 * blockCount * headCountKv * keyLength * 2 * 2)
    expect(need.total).toBe(need.weights + need.kvCache + need.compute)
    expect(() => requireMemory(model.description, engine, need.weights, need.total)).not.toThrow()
    try {
      requireMemory(model.description, engine, need.weights, need.total - 1)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(MemoryError)
      expect(error).toMatchObject({ neededBytes: need.total, availableBytes: need.total - 1 })
    }
    model.close()
  })

  it('is what load fails with, sizes and all', async () => {
    const available = vi.spyOn(process, 'availableMemory').mockReturnValue(1_000_000)
    try {
      const error = await loadEngine({ model: await fixtureModel('gen-f32-tied') }, 'gen').catch(
        (reason: unknown) => reason,
      )
      expect(error).toBeInstanceOf(MemoryError)
      expect(error).toMatchObject({ availableBytes: 1_000_000 })
      expect((error as MemoryError).neededBytes).toBeGreaterThan(1_000_000)
    } finally {
      available.mockRestore()
    }
  })

  it('counts the cells that llama.cpp allocates', async () => {
    const lines: string[] = []
    const loaded = await loadEngine(
      {
        model: await fixtureModel('stream-f32-tied'),
        contextSize: 64,
        maxSequences: 6,
        logLevel: 'info',
        onLog: (_, message) => lines.push(message),
      },
      'stream',
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    const cells = Number(lines.join('\n').match(/n_ctx +=\s+(\d+)/)?.[1])
    const { description } = loaded.model
    const { kvCache } = estimateMemory(description, loaded.engine.options, 0)
    expect(kvCache).toBe(cells * kvBytesPerCell(description, 'f16'))
    // Guard heads have 23 outputs a position; a vocabulary's would take 24 times that.
    const output = lines.join('\n').match(/output buffer size =\s+([\d.]+) MiB/)?.[1]
    expect(Number(output)).toBeLessThanOrEqual(0.01)
    await loaded.close()
  })

  it('reads what this process may use', () => {
    expect(availableMemory()).toBeGreaterThan(0)
  })
})

describe('defaultThreads', () => {
  it('leaves a core to JS where there are more than two', () => {
    expect([1, 2, 3, 8, 4096].map((cpus) => defaultThreads(600e6, cpus))).toEqual([1, 2, 2, 7, 512])
  })

  it('is one for a model as small as the demonstration models', () => {
    expect(defaultThreads(5e6, 8)).toBe(1)
  })
})
