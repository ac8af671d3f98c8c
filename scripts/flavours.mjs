// The CPU flavours of native/flavours.json as definitions for CMake, and those that a build here may be of.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { BuildError } from './llama-source.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const listed = JSON.parse(readFileSync(path.join(root, 'native', 'flavours.json'), 'utf8'))
const portable = { name: 'portable', needs: [], cmake: [] }

/** The flavours of a platform, fastest first. */
export function flavoursOf(platform, arch) {
  const all = listed[`${platform}-${arch}`] ?? listed[arch] ?? [portable]
  return all.filter(({ os }) => !os || os.includes(platform))
}

/** The flavours of this platform, fastest first. */
export const flavours = flavoursOf(process.platform, process.arch)

/** The one flavour of a packaged addon with GPU back ends: its CPU has little to do, and is hardly older than its GPU. */
export const gpuFlavour =
  flavours.find(({ name }) => name === 'avx2' || name === 'dotprod') ?? flavours[flavours.length - 1]

/** The flavour of that name. @throws BuildError if this platform has none */
export function flavourNamed(name) {
  const found = flavours.find((flavour) => flavour.name === name)
  if (found) return found
  const names = flavours.map((flavour) => flavour.name).join(', ')
  throw new BuildError(`expected a flavour of this platform (${names}), got '${name}'`)
}

/** A flavour and those it is built upon, from the slowest. */
function layers(flavour, among = flavours) {
  const below = among.find(({ name }) => name === flavour.over)
  return below ? [...layers(below, among), flavour] : [flavour]
}

/** This flavour's CMake definitions over those it is built upon; all others of its platform, `among`, are off. */
export function flavourDefinitions(flavour, among = flavours) {
  const names = among.flatMap(({ cmake }) => cmake.map((word) => word.split('=')[0]))
  const values = {
    GGML_NATIVE: 'OFF',
    ...Object.fromEntries(names.map((name) => [name, 'OFF'])),
    ...Object.fromEntries(
      layers(flavour, among).flatMap(({ cmake }) => cmake.map((word) => word.split('='))),
    ),
  }
  return Object.entries(values).map(([name, value]) => `-D${name}=${value}`)
}

/** The instruction sets that a CPU must have for this flavour. */
export const flavourNeeds = (flavour) =>
  layers(flavour)
    .reverse()
    .flatMap(({ needs }) => needs)

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status === 0) return stdout
  throw new BuildError(
    `${command} ${args.join(' ')} failed: ${error?.message ?? `${stdout}${stderr}`.slice(-4000)}`,
  )
}

/**
 * The instruction sets that this CPU and its system allow, as the addon would say: its own check (native/core/
 * cpu-features.cc) in a program of its own, built in `folder` with the compiler that CMake takes.
 */
function cpuFeatures(folder) {
  mkdirSync(folder, { recursive: true })
  const source = path.join(root, 'native', 'cpu')
  run('cmake', ['-S', source, '-B', folder, '-DCMAKE_BUILD_TYPE=Release'])
  run('cmake', ['--build', folder, '--config', 'Release'])
  const name = `cpu-features${process.platform === 'win32' ? '.exe' : ''}`
  const file = [path.join(folder, name), path.join(folder, 'Release', name)].find(existsSync)
  if (!file) throw new BuildError(`the build ended without ${path.join(folder, name)}`)
  return run(file, []).split(/\s+/).filter(Boolean)
}

/** Whether the compiler knows what a flavour wants: GCC 10, say, has never heard of AMX. */
function compiles(flavour) {
  const words = layers(flavour).flatMap(({ compiler = [] }) => compiler)
  if (process.platform === 'win32' || words.length === 0) return true
  const [command, ...own] = (process.env.CXX || 'c++').split(' ')
  const args = [...own, ...words, '-fsyntax-only', '-x', 'c++', '-']
  const { status, error } = spawnSync(command, args, { input: '' })
  return error !== undefined || status === 0
}

/**
 * The flavours that a build here may be of, fastest first: what this CPU, its system and the compiler allow. None where the
 * platform has no choice.
 *
 * @param folder for the program that asks the CPU
 * @throws BuildError if the CPU runs none
 */
export function flavoursHere(folder) {
  if (flavours.length === 1) return []
  const cpu = cpuFeatures(folder)
  const here = flavours.filter((flavour) => flavourNeeds(flavour).every((name) => cpu.includes(name)))
  if (here.length > 0) return here.filter(compiles)
  const slowest = flavours[flavours.length - 1]
  const missing = flavourNeeds(slowest).filter((name) => !cpu.includes(name))
  throw new BuildError(
    `this CPU lacks ${missing.join(', ')}, which the slowest flavour needs. ` +
      'QWEN3GUARD_CMAKE="-DGGML_NATIVE=ON" builds for this CPU alone.',
  )
}
