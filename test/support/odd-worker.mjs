// Imported before the command line of a worker: rows take their time, and one may never end, or
// end the process, as a fault of a GPU's driver would.
import { GenGuard } from '../../dist/index.js'

const { delayMs = 0, hanging, poison } = JSON.parse(process.env.QWEN3GUARD_TEST_ODD ?? '{}')
const { classify } = GenGuard.prototype
GenGuard.prototype.classify = async function (input, options) {
  if (poison !== undefined && JSON.stringify(input).includes(poison)) process.kill(process.pid, 'SIGKILL')
  if (hanging !== undefined && JSON.stringify(input).includes(hanging)) await new Promise(() => {})
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
  return await classify.call(this, input, options)
}
