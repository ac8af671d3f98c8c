// Child: writes one model file.
import { demonstrationModel, writePadded } from '../../bench/pad-model.mjs'
import { quantizeGguf } from '../../dist/models/convert/quantize.js'
import { writeRandom } from './random-model.mjs'

export async function run({ kind, variant, type, shape, target }) {
  if (kind === 'random') await writeRandom(target, { type, shape })
  else if (kind === 'padded') await writePadded(target, variant, { type, shape })
  else await quantizeGguf(demonstrationModel(variant), target, { type })
}
