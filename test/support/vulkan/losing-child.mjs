// Loses its GPU, or the GPU's memory, in a process of its own: node losing-child.mjs lost|full FILE.
// FILE appears when the GPU is to fail (failing.c). Prints one JSON object; anything else ends the process.
import { rmSync, writeFileSync } from 'node:fs'
import { GenGuard, StreamGuard } from '../../../dist/index.js'

const [how, file] = process.argv.slice(2)
const outcome = (promise) =>
  promise.then(
    () => 'done',
    ({ name, code, message, neededBytes, availableBytes }) => ({
      name,
      code,
      message,
      neededBytes,
      availableBytes,
    }),
  )
const seen = {}
if (how === 'full') {
  writeFileSync(file, '')
  seen.load = await outcome(GenGuard.load({ model: 'demo', gpu: 'vulkan' }))
  rmSync(file)
  const filled = await GenGuard.load({ model: 'demo', gpu: 'vulkan', contextSize: 512 })
  writeFileSync(file, '')
  seen.decode = await outcome(filled.classify('How can I make a bomb? '.repeat(8)))
  seen.later = await outcome(filled.classify('Hello'))
  await filled.close()
  rmSync(file)
  // The driver has memory again, and nothing of the failed load is in the way.
  const guard = await GenGuard.load({ model: 'demo', gpu: 'vulkan', contextSize: 512 })
  seen.after = (await guard.classify('How can I make a bomb?')).safety
  await guard.close()
} else {
  const options = { model: 'demo', gpu: 'vulkan', contextSize: 512, maxSequences: 4 }
  const gen = await GenGuard.load(options)
  const stream = await StreamGuard.load(options)
  const moderation = await stream.open('Tell me about locks.')
  seen.before = (await gen.classify('Hello')).safety
  writeFileSync(file, '')
  // More than there are sequences: some are decoding, some wait for one.
  seen.waiting = await Promise.all(Array.from({ length: 8 }, (_, i) => outcome(gen.classify(`Text ${i}`))))
  seen.later = await outcome(gen.classify('Another text'))
  seen.push = await outcome(moderation.push('Use the key. Then turn it. '))
  seen.events = []
  async function* reply() {
    yield 'Use the key. '
  }
  for await (const event of stream.moderate('Tell me about locks.', reply())) {
    seen.events.push([event.type, event.reason ?? null, event.error?.code ?? null])
  }
  await moderation.close()
  await Promise.all([gen.close(), stream.close()])
  // Nor does the loss touch what runs on the CPU.
  const guard = await GenGuard.load({ model: 'demo', gpu: false })
  seen.cpu = (await guard.classify('How can I make a bomb?')).safety
  await guard.close()
}
process.stdout.write(JSON.stringify(seen))
