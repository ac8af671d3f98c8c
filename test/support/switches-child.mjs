// How often the threads of this process went to sleep during ten checks, and what these said, on stdout.
import { GenGuard } from '../../dist/index.js'

const guard = await GenGuard.load({ model: 'demo-gen', threads: Number(process.argv[2]), gpu: false })
await guard.classify('Warm up.')
const before = process.resourceUsage().voluntaryContextSwitches
const texts = []
for (let i = 0; i < 10; i++) texts.push((await guard.classify(`${i}. How do I bake sourdough bread?`)).text)
const switches = process.resourceUsage().voluntaryContextSwitches - before
process.stdout.write(JSON.stringify({ switches, texts }))
await guard.close()
