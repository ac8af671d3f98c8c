// Child: opens the device once, so that a run without one ends at the start and says why.
import { StreamGuard } from '../../dist/index.js'

export async function run({ gpu }, report) {
  const started = performance.now()
  const guard = await StreamGuard.load({ model: 'demo', gpu, maxSequences: 1 })
  await guard.classifyPrompt('How do I bake bread?')
  report({ device: guard.device, ms: performance.now() - started })
  await guard.close()
}
