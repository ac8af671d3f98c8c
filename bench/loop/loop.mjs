// Builds and drives the plain C++ loop (loop.cc).
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { applyPatches, cacheDir, llamaSource, patchHash, pin } from '../../scripts/llama-source.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const root = path.dirname(path.dirname(here))
const addon = path.join(root, 'build-cmake')

/**
 * Path of the loop's binary, built where it is not there or not up to date.
 *
 * @param variant name of a build of ggml under other options, given as `definitions`; default: the addon's own
 */
export function buildLoop(variant = 'addon', definitions = []) {
  const own = definitions.length > 0 ? ['-DVARIANT=ON', ...flavour(), ...definitions] : []
  return build(variant, llamaSource(), own)
}

/**
 * The same; in the short form of a bench null, with a line, where there is nothing to link it with: a short form compiles one
 * file, not llama.cpp.
 */
export function buildLoopFor({ short }) {
  if (!short || hasLibraries()) return buildLoop()
  console.log('not measured: the plain C++ loop (it links what `npm run build:native` leaves in build-cmake)')
  return null
}

const hasLibraries = () => existsSync(path.join(addon, 'llama.cpp', 'src'))

/** The addon's flavour, as definitions for CMake: a variant differs from the addon in what it says. */
function flavour() {
  const cache = readFileSync(path.join(addon, 'CMakeCache.txt'), 'utf8')
  const lines = cache.matchAll(
    /^(GGML_(?:NATIVE|SSE42|AVX\w*|FMA|F16C|BMI2|AMX\w*|CPU_ARM_ARCH)):\w+=(.*)$/gm,
  )
  return [...lines].map(([, name, value]) => `-D${name}=${value}`)
}

/**
 * The same loop over the pinned release of llama.cpp, without our patches but the one without which it crashes on CPUs
 * with AMX.
 */
export function buildReleasedLoop() {
  const tree = path.join(cacheDir(), 'bench', `llama.cpp-${pin.tag}-amx-mended`)
  if (!existsSync(tree)) {
    const unfinished = `${tree}.${process.pid}`
    // The patches are changes in the working tree of a repository: a clone of it has none.
    run('git', ['clone', '--quiet', llamaSource(), unfinished])
    applyPatches(unfinished, [path.join(root, 'native', 'patches', '0009-amx-tile-config.patch')])
    renameSync(unfinished, tree)
  }
  return build('released', tree, ['-DRELEASED=ON'])
}

function build(variant, source, definitions) {
  if (!hasLibraries()) {
    throw new Error('the loop links what the addon links: run `npm run build:native` first')
  }
  // CMake keeps the checkout that a tree was made for.
  const checkout = createHash('sha256').update(root).digest('hex').slice(0, 8)
  const directory = path.join(cacheDir(), 'bench', `loop-${pin.tag}-${patchHash()}-${variant}-${checkout}`)
  run('cmake', [
    ...['-S', here, '-B', directory, '-DCMAKE_BUILD_TYPE=Release'],
    ...[`-DLLAMA_CPP_DIR=${source}`, `-DADDON_BUILD_DIR=${addon}`],
    ...definitions,
  ])
  run('cmake', ['--build', directory, '--parallel'])
  return path.join(directory, 'loop')
}

function run(command, words) {
  const { status, stderr, stdout } = spawnSync(command, words, { encoding: 'utf8', maxBuffer: 1 << 28 })
  if (status === 0) return
  throw new Error(`${command} ${words.join(' ')}\n${stdout?.slice(-4000)}${stderr?.slice(-4000)}`)
}

/** The loop with one model loaded. */
export class Loop {
  #child
  #lines
  #exited

  /** `settings` by the names in loop.cc, such as `{ ubatch: 256 }`; `heads`: a file whose heads are computed outside. */
  static async start(binary, model, settings = {}) {
    const loop = new Loop()
    const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
    loop.#child = spawn(binary, [model, ...words], { stdio: ['pipe', 'pipe', 'inherit'] })
    loop.#exited = new Promise((resolve) => {
      loop.#child.on('exit', resolve)
    })
    loop.#lines = createInterface({ input: loop.#child.stdout })[Symbol.asyncIterator]()
    await loop.#line()
    return loop
  }

  async #line() {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`the loop ended with exit code ${await this.#exited}`)
    return value
  }

  #send(line) {
    this.#child.stdin.write(`${line}\n`)
  }

  /** Milliseconds that the decodes take one after the other. */
  async run(decodes) {
    for (const { sequence, keep, from, tokens, read } of decodes) {
      const words = ['pass', sequence, keep, from, tokens.length, ...tokens, read.length, ...read]
      this.#send(words.join(' '))
    }
    this.#send('run')
    return Number(await this.#line())
  }

  /**
   * Milliseconds of a prefill of `count` tokens, and of one of the `steps` single tokens after it (median). Leaves
   * sequence 0 empty.
   */
  async rates(count, steps) {
    this.#send(`rates ${count} ${steps}`)
    const [prefill, step] = (await this.#line()).split(' ').map(Number)
    return { prefill, step }
  }

  /**
   * Brings the first `sequences` sequences to `count` positions. Milliseconds of what the first one lacked; the
   * others get copies of it.
   */
  async fill(sequences, count) {
    this.#send(`fill ${sequences} ${count}`)
    return Number(await this.#line())
  }

  /**
   * Milliseconds of each of `count` decodes that append `each` tokens to every one of the `sequences` (ids, in the
   * order of the batch) and read them all, from position `from` on.
   */
  async ticks(sequences, each, count, from) {
    this.#send(['ticks', each, count, from, ...sequences].join(' '))
    return (await this.#line()).trim().split(' ').map(Number)
  }

  /** The guard heads' logits of the position read last. */
  async heads() {
    this.#send('heads')
    return (await this.#line()).trim().split(' ').map(Number)
  }

  /** Largest resident set so far, in bytes; 0 where the system does not say. */
  async peak() {
    this.#send('peak')
    return Number(await this.#line())
  }

  async stop() {
    this.#child.stdin.end()
    await this.#exited
  }
}
