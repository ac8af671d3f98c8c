// A process of its own that starts a GPU's driver (lib/binding/device/probe.ts): what it does may crash.
//
//   node dist/trials/probe-device.js ADDON list                      the devices that the addon finds
//   node dist/trials/probe-device.js ADDON try DEVICE flash|plain    judges a few texts on a device and on the CPU
//
// Prints one JSON object on stdout; why it failed on stderr.
import { createRequire } from 'node:module'
import type { NativeBinding } from '../binding/binding.js'
import type { Listing, Trial } from '../binding/device/probe.js'
import { lacking } from '../binding/flavours.js'
import type { InternalLoadOptions } from '../engine/load.js'
import { GenGuard } from '../gen/guard.js'
import { StreamGuard } from '../stream/guard.js'
import type { Message } from '../types.js'

const PROMPT = 'How do I bake bread, and how do I make a bomb? '
const REPLY = 'Mix flour, water, salt and yeast, and bake it hot. First buy the things from different shops.'

/** Judged by Gen: a prompt that fits a small batch, and a reply behind a prompt that does not. */
const CONVERSATIONS: Message[][] = [
  [{ role: 'user', content: PROMPT }],
  [
    { role: 'user', content: PROMPT.repeat(8) },
    { role: 'assistant', content: REPLY },
  ],
]

function open(path: string): NativeBinding {
  return createRequire(import.meta.url)(path) as NativeBinding
}

async function list(path: string): Promise<Listing> {
  const binding = open(path)
  const { cpu, build } = binding.instructionSets()
  const missing = lacking(build, cpu)
  // Its code must not run here.
  if (missing.length > 0) return { source: '', lacking: missing, devices: [], log: '' }
  const lines: string[] = []
  binding.setLog('warn', (_level, text) => lines.push(text))
  const devices = await binding.devices()
  // Log lines come through the event loop.
  await new Promise((resolve) => setImmediate(resolve))
  binding.setLog('error', null)
  return { source: binding.systemInfo().source, lacking: [], devices, log: lines.join('; ') }
}

async function trial(path: string, name: string, flashAttention: boolean): Promise<Trial> {
  const binding = open(path)
  binding.setLog('error', (_level, text) => process.stderr.write(`${text}\n`))
  const device = (await binding.devices()).find((found) => found.name === name)
  if (!device) throw new Error(`there is no device ${name}`)
  const placement = { binding, path, device, flashAttention, fallback: null, passedOver: [] }
  const there = await judge({ placement }, flashAttention)
  const here = await judge(undefined)
  binding.setLog('error', null)
  const apart = there.probabilities.map((value, i) => Math.abs(value - here.probabilities[i]!))
  return {
    // Not finite, or fewer values: as wrong as can be.
    worst:
      apart.every(Number.isFinite) && apart.length === here.probabilities.length ? Math.max(...apart) : 1,
    same: there.labels.join() === here.labels.join(),
  }
}

/** Probabilities and labels of both demonstration models, on a placement or (none given) on the CPU. */
async function judge(placed: Pick<InternalLoadOptions, 'placement'> | undefined, flashAttention = false) {
  const probabilities: number[] = []
  const labels: string[] = []
  const options = placed ? { flashAttention } : ({ gpu: false } as const)
  const stream = await StreamGuard.load({ model: 'demo', ...options }, placed)
  const moderation = await stream.open(PROMPT)
  probabilities.push(...Object.values(moderation.prompt.probabilities))
  // Token by token, and many at once.
  const tokens = await moderation.push(REPLY.slice(0, 12))
  tokens.push(...(await moderation.push(REPLY.repeat(3))), ...(await moderation.end()).rest)
  for (const token of tokens) probabilities.push(...Object.values(token.probabilities))
  await stream.close()

  const gen = await GenGuard.load({ model: 'demo', ...options }, { drafts: true, ...placed })
  for (const messages of CONVERSATIONS) {
    const { scores, text } = await gen.classify(messages)
    probabilities.push(...Object.values(scores.safety))
    labels.push(text)
  }
  await gen.close()
  return { probabilities, labels }
}

const [path = '', command, name = '', attention] = process.argv.slice(2)
try {
  const found = command === 'try' ? await trial(path, name, attention === 'flash') : await list(path)
  process.stdout.write(JSON.stringify(found))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
