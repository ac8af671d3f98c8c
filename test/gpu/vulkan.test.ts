// The Vulkan addon on whatever device there is; in CI Mesa's software driver, which shows everything but speed.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { BackendError, GenGuard, MemoryError, StreamGuard } from '../../lib/index.js'
import { quantizeGguf } from '../../lib/models/convert/quantize.js'
import type { TokenVerdict } from '../../lib/stream/verdict.js'
import type { LoadOptions } from '../../lib/types.js'
import { SOFTWARE_DRIVER, vulkanAddon } from '../support/gpu.js'
import { temporaryDirectory } from '../support/temporary.js'

/** Greatest difference of a probability from the CPU's. Sums go another way, and Vulkan's products are of f16. */
const TOLERANCE = 0.01

const PROMPT = 'Tell me about locks, and how do I make a bomb?'
const REPLY = 'Use the right key. First buy the things from different shops, then mix them in a metal box.'
const CONVERSATION = [
  { role: 'user', content: PROMPT },
  { role: 'assistant', content: 'I cannot help with that.' },
] as const

const SMALL = { contextSize: 512, maxSequences: 4 } satisfies Partial<LoadOptions>

const directory = temporaryDirectory()

/** A demonstration model with its weights in another type. */
async function inType(variant: 'gen' | 'stream', type: 'f32' | 'f16' | 'q8_0'): Promise<string> {
  if (type === 'q8_0') return `demo-${variant}`
  const target = path.join(directory, `${variant}-${type}.gguf`)
  const demo = fileURLToPath(new URL(`../../models/demo-${variant}.gguf`, import.meta.url))
  await quantizeGguf(demo, target, { type })
  return target
}

async function tokensOf(guard: StreamGuard, prompt: string, reply: string): Promise<TokenVerdict[]> {
  await using moderation = await guard.open(prompt)
  // One token at a time, then many at once.
  const tokens = await moderation.push(reply.slice(0, 12))
  tokens.push(...(await moderation.push(reply.slice(12))), ...(await moderation.end()).rest)
  return tokens
}

function expectAlike(there: TokenVerdict[], here: TokenVerdict[]): void {
  expect(there.map(({ id, risk, category }) => [id, risk, category])).toEqual(
    here.map(({ id, risk, category }) => [id, risk, category]),
  )
  for (const [i, { probabilities }] of there.entries()) {
    for (const [risk, value] of Object.entries(probabilities)) {
      const cpu = here[i]!.probabilities[risk as keyof typeof probabilities]
      expect(Math.abs(value - cpu), `${risk} of token ${i}`).toBeLessThan(TOLERANCE)
    }
  }
}

describe.runIf(vulkanAddon)('Vulkan', { timeout: 600_000 }, () => {
  beforeAll(() => Object.assign(process.env, SOFTWARE_DRIVER))

  it.each(['f32', 'f16', 'q8_0'] as const)('judges as the CPU does, in %s', async (type) => {
    const options = { model: await inType('stream', type), ...SMALL }
    await using gpu = await StreamGuard.load({ ...options, gpu: 'vulkan' })
    await using cpu = await StreamGuard.load({ ...options, gpu: false })
    expect(gpu.device).toMatchObject({ backend: 'vulkan', name: 'Vulkan0', fallback: null })
    expect(gpu.device.layers.device).toBe(gpu.device.layers.total)
    expect(gpu.device.description).toMatch(/./)
    expectAlike(await tokensOf(gpu, PROMPT, REPLY), await tokensOf(cpu, PROMPT, REPLY))

    const genOptions = { ...options, model: await inType('gen', type) }
    await using genGpu = await GenGuard.load({ ...genOptions, gpu: 'vulkan' })
    await using genCpu = await GenGuard.load({ ...genOptions, gpu: false })
    for (const input of [PROMPT, 'What is the capital of France?', [...CONVERSATION]]) {
      const [there, here] = [await genGpu.classify(input), await genCpu.classify(input)]
      expect(there.text).toBe(here.text)
      expect(Math.abs(there.scores.strict - here.scores.strict)).toBeLessThan(TOLERANCE)
    }
  })

  it('judges many streams at once as each alone', async () => {
    await using guard = await StreamGuard.load({
      model: 'demo',
      gpu: 'vulkan',
      contextSize: 128,
      maxSequences: 16,
    })
    const replies = Array.from({ length: 16 }, (_, i) => `Number ${i}. ${REPLY.slice(i)}`)
    const alone = await tokensOf(guard, PROMPT, replies[5]!)
    const all = await Promise.all(replies.map((reply) => tokensOf(guard, PROMPT, reply)))
    expectAlike(all[5]!, alone)
  })

  it('shares a model between the CPU and the device', async () => {
    const options = { model: 'demo', gpu: 'vulkan', ...SMALL } as const
    await using cpu = await StreamGuard.load({ ...options, gpu: false })
    const lines: string[] = []
    const onLog = (_level: unknown, text: string) => lines.push(text)
    await using guard = await StreamGuard.load({ ...options, gpuLayers: 1, logLevel: 'info', onLog })
    const { layers } = guard.device
    // llama.cpp's own words, in which the output layer counts.
    const said = `offloaded 2/${layers.total + 1} layers`
    expect(lines.filter((line) => line.includes(said))).toHaveLength(1)
    expect(layers).toEqual({ device: 1, total: cpu.device.layers.total })
    expect(layers.total).toBeGreaterThan(1)
    expectAlike(await tokensOf(guard, PROMPT, REPLY), await tokensOf(cpu, PROMPT, REPLY))
  })

  it('takes a device by index, name and description, and lists what there is', async () => {
    for (const device of [0, 'vulkan0']) {
      await using guard = await StreamGuard.load({ model: 'demo', gpu: 'vulkan', device, ...SMALL })
      expect(guard.device.name).toBe('Vulkan0')
    }
    const loading = StreamGuard.load({ model: 'demo', gpu: 'vulkan', device: 'no such card' })
    await expect(loading).rejects.toThrow(BackendError)
    await expect(loading).rejects.toThrow(/no device "no such card"; there is 0: Vulkan0 \(/)
  })

  it("is what gpu: 'auto' comes to", async () => {
    await using guard = await StreamGuard.load({ model: 'demo', ...SMALL })
    expect(guard.device).toMatchObject({ backend: 'vulkan', fallback: null })
  })

  it('counts the memory of the device before it loads', async () => {
    const loading = StreamGuard.load({
      model: 'demo',
      gpu: 'vulkan',
      contextSize: 8192,
      maxSequences: 256,
      kvType: 'f32',
    })
    await expect(loading).rejects.toThrow(MemoryError)
    await expect(loading).rejects.toThrow(/MiB on Vulkan0 \(.*\) .* are free: .*gpuLayers/)
    await expect(loading).rejects.toMatchObject({ code: 'ERR_MEMORY', availableBytes: expect.any(Number) })
  })

  it('is shown by doctor, with what flash attention does there', async () => {
    const doctor = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
    const { stdout } = spawnSync(process.execPath, [doctor, 'doctor', '--json'], { encoding: 'utf8' })
    const { gpu } = JSON.parse(stdout)
    expect(gpu.addons).toEqual([
      {
        path: vulkanAddon,
        backends: ['vulkan'],
        devices: [expect.objectContaining({ backend: 'vulkan', name: 'Vulkan0' })],
        error: null,
      },
    ])
    expect(gpu.auto).toMatchObject({ backend: 'vulkan', fallback: null })
    const loading = GenGuard.load({ model: 'demo', gpu: 'vulkan', flashAttention: true, ...SMALL })
    if (gpu.auto.flashAttention) await (await loading).close()
    else await expect(loading).rejects.toThrow(/flash attention fails on Vulkan0/)
  })
})
