// Every stage of a guard's life with every ending, in processes of their own: node scripts/soak/lifecycle.mjs [--count N]
// [--seconds N] [--seed N] [--node 24]. Each pair `count` times (default 20), in an order that the seed shuffles, or until the time is up.
// `--node` takes another version of Node.js, from the npm registry.
import { runtimeNamed } from '../runtimes/runtimes.mjs'
import { ENDINGS, faultOf, STAGES, withLargeModel } from './support/lives.mjs'
import { finish, randomOf, say, soakArguments } from './support/soak.mjs'

const { seconds, count, seed, node } = soakArguments({ count: 20 })
const [program] = node ? commandOf(`Node.js ${node}`) : [process.execPath]
const random = randomOf(seed)
const pairs = STAGES.flatMap((stage) => ENDINGS.map((ending) => [stage, ending]))
const lives = Array.from({ length: count }, () =>
  pairs.map((pair) => ({ pair, at: random() })).sort((a, b) => a.at - b.at),
).flat()

const faults = []
const until = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000
let lived = 0

function commandOf(name) {
  const { command, missing } = runtimeNamed(name, say)
  if (!command) throw new Error(`${name}: ${missing}`)
  return command
}

await withLargeModel(async (model) => {
  const live = async () => {
    for (let life = lives.shift(); life && performance.now() < until; life = lives.shift()) {
      const fault = await faultOf(...life.pair, model, [program, '--no-warnings', '--expose-gc'])
      lived += 1
      if (fault) {
        faults.push(fault)
        say(`fault: ${fault}`)
      }
      if (lived % 20 === 0) say(`${lived} lives, ${faults.length} faults`)
    }
  }
  await Promise.all([live(), live()])
})

finish({
  promise:
    "whatever a guard is doing, its process or worker can be left in any way: it ends as Node.js says (0; 1 where an exception is nobody's, SIGTERM where nobody listens), with nothing else on stderr",
  figure: `${lived} lives of ${STAGES.length} stages x ${ENDINGS.length} endings${node ? `, Node.js ${node}` : ''}`,
  faults,
  seed,
})
