// Verdicts one after the other on the demonstration model, for a profile of the JS thread:
// node --cpu-prof --cpu-prof-name after.cpuprofile bench/verdicts.mjs [FOLDER OF A BUILT CHECKOUT]
import { fileURLToPath } from 'node:url'

const COUNT = 10_000
const folder = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url))
process.removeAllListeners('warning')
const { GenGuard } = await import(`${folder}/dist/index.js`)
const guard = await GenGuard.load({ model: 'demo', gpu: false })
for (let i = 0; i < COUNT; i++) await guard.classify(`How do I bake bread number ${i % 50}?`)
await guard.close()
