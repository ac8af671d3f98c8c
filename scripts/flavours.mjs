// The CPU flavours of native/flavours.json as definitions for CMake.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const listed = JSON.parse(readFileSync(path.join(root, 'native', 'flavours.json'), 'utf8'))

/** The flavours of this platform, fastest first. */
export const flavours = listed[`${process.platform}-${process.arch}`] ??
  listed[process.arch] ?? [{ name: 'portable', needs: [], cmake: [] }]

/** The one flavour of an addon with GPU back ends: its CPU has little to do, and is hardly older than its GPU. */
export const gpuFlavour =
  flavours.find(({ name }) => name === 'avx2' || name === 'dotprod') ?? flavours[flavours.length - 1]

const slowerToo = (flavour) => flavours.slice(flavours.indexOf(flavour))

/** This flavour's CMake definitions over those of the slower ones; all others are off. */
export function flavourDefinitions(flavour) {
  const names = flavours.flatMap(({ cmake }) => cmake.map((word) => word.split('=')[0]))
  const values = {
    GGML_NATIVE: 'OFF',
    ...Object.fromEntries(names.map((name) => [name, 'OFF'])),
    ...Object.fromEntries(
      slowerToo(flavour)
        .reverse()
        .flatMap(({ cmake }) => cmake.map((word) => word.split('='))),
    ),
  }
  return Object.entries(values).map(([name, value]) => `-D${name}=${value}`)
}

/** The instruction sets that a CPU must have for this flavour. */
export const flavourNeeds = (flavour) => slowerToo(flavour).flatMap(({ needs }) => needs)
