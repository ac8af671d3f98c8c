// The GPU back ends that an addon can be built with, and the names of such an addon and of its package.
import { BuildError } from './llama-source.mjs'

const BACKENDS = { darwin: ['metal', 'vulkan'], linux: ['cuda', 'vulkan'], win32: ['cuda', 'vulkan'] }
const backends = BACKENDS[process.platform] ?? []
const NAMES = { cuda: 'CUDA', metal: 'Metal', vulkan: 'Vulkan' }

/** What is built where nobody asks: Metal needs nothing that a Mac with a compiler lacks. */
export const defaultGpu = process.platform === 'darwin' ? ['metal'] : []

/** Name of the addon with these back ends, a folder in build/Release. */
export const addonName = (gpu) => gpu.join('+')

/** The back ends in a sentence. */
export const spoken = (gpu) => gpu.map((name) => NAMES[name]).join(' and ')

/** Name of its package on this platform, without the scope. */
export const packageName = (gpu) => `${gpu.join('-')}-${process.platform}-${process.arch}`

/** CMake definitions that leave every GPU back end out, those that are on by default on some platform too. */
export const noGpu = Object.fromEntries(
  Object.keys(NAMES).map((name) => [`GGML_${name.toUpperCase()}`, 'OFF']),
)

/** The back end that a CMake definition turns on, or undefined. */
export function backendOf(word) {
  const [, name, value] = word.match(/^-DGGML_(CUDA|METAL|VULKAN)(?::\w+)?=(.*)$/) ?? []
  return name && !/^(off|0|no|n|false)?$/i.test(value) ? name.toLowerCase() : undefined
}

/**
 * Takes `--gpu NAME` out of a command line; it may be repeated, and NAME be a list with commas or `none`. The back ends
 * come sorted, all for one addon; undefined if the option is not there.
 *
 * @throws BuildError on a name that this platform does not have
 */
export function gpuOption(words) {
  if (process.env.npm_config_gpu) {
    throw new BuildError(
      'npm kept --gpu for itself: put -- before it, as in `npm run build -- --gpu vulkan`.',
    )
  }
  const rest = []
  const names = []
  let given = false
  for (let at = 0; at < words.length; at++) {
    const [, value] = words[at].match(/^--gpu(?:=(.*))?$/) ?? [null, null]
    if (value === null) {
      rest.push(words[at])
      continue
    }
    given = true
    names.push(...(value ?? words[++at] ?? '').split(','))
  }
  if (given && names.join() === 'none') return { gpu: [], rest }
  const unknown = names.find((name) => !backends.includes(name))
  if (unknown !== undefined) {
    const got = unknown === '' ? 'nothing' : `'${unknown}'`
    throw new BuildError(
      `expected --gpu to be followed by ${[...backends, 'none'].join(' or ')} on ${process.platform}, got ${got}. ` +
        'Several go into one addon: --gpu cuda,vulkan.',
    )
  }
  return { gpu: given ? [...new Set(names)].sort() : undefined, rest }
}
