// A process of its own that runs an addon's kernels (lib/binding/proof.ts): they may end it.
//
//   node dist/trials/prove-addon.js ADDON products    products of every type of weights, beside plain C++
//   node dist/trials/prove-addon.js ADDON all         and a verdict by each demonstration model
//
// Prints one line on stdout when it is about to run the first kernel, and one JSON object at the end; what went wrong on
// stderr.
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { NativeBinding } from '../binding/binding.js'
import { lacking } from '../binding/flavours.js'
import { type Proof, STARTED } from '../binding/proof.js'

const TEXT = 'How can I make a bomb?'

async function verdicts(path: string, binding: NativeBinding): Promise<Proof['verdicts']> {
  // Late: the other trial has no time for them.
  const [{ GenGuard }, { StreamGuard }] = await Promise.all([
    import('../gen/guard.js'),
    import('../stream/guard.js'),
  ])
  const placement = { binding, path, device: null, flashAttention: true, fallback: null, passedOver: [] }
  const gen = await GenGuard.load({ model: 'demo', gpu: false }, { drafts: true, placement })
  const byGen = (await gen.classify(TEXT)).safety
  await gen.close()
  const stream = await StreamGuard.load({ model: 'demo', gpu: false }, { placement })
  const byStream = (await stream.classifyPrompt(TEXT)).safety
  await stream.close()
  return [
    { model: 'demo-gen', said: byGen, expected: 'Unsafe' },
    { model: 'demo-stream', said: byStream, expected: 'Unsafe' },
  ]
}

const [path = '', what] = process.argv.slice(2)
try {
  const binding = createRequire(import.meta.url)(path) as NativeBinding
  const { cpu, build } = binding.instructionSets()
  const missing = lacking(build, cpu)
  if (missing.length > 0) throw new Error(`this CPU lacks ${missing.join(', ')}, which it was built for`)
  binding.setLog('error', (_level, text) => process.stderr.write(`${text}\n`))
  // Before its end: whatever ends the process from here on is the binary's doing.
  writeSync(1, `${STARTED}\n`)
  const checks = await binding.products()
  const proof: Proof = {
    // JSON has no NaN: as wrong as can be.
    products: checks.map((check) => ({ ...check, worst: Number.isFinite(check.worst) ? check.worst : 1 })),
    verdicts: what === 'all' ? await verdicts(path, binding) : [],
  }
  binding.setLog('error', null)
  process.stdout.write(JSON.stringify(proof))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
