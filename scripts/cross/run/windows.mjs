// Runs on Windows, or under wine (scripts/test-windows.mjs): `windows.mjs STEP FOLDER OUTPUT`. What it has to say goes into that file.
import {
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

const [step, folder, output] = process.argv.slice(2)
const DEMO = fileURLToPath(new URL('../../../models/demo-gen.gguf', import.meta.url))
/** libuv's: no other program may open it meanwhile. Windows alone knows it. */
const EXCLUSIVE = 0x10000000
const LONG_WORK = 'Tell me a story. '.repeat(50)

function expectSame(got, expected, what) {
  const [one, other] = [got, expected].map((value) => JSON.stringify(value))
  if (one !== other) throw new Error(`${what}: expected ${other}, got ${one}`)
}

/** A folder whose path is longer than Windows' own calls take. */
function longFolder() {
  const long = path.join(
    folder,
    ...Array.from({ length: 12 }, (_, at) => `a folder with spaces, number ${at}`),
  )
  mkdirSync(long, { recursive: true })
  return long
}

const STEPS = {
  async paths() {
    const { findSources } = await import('../../../dist/data/sources.js')
    const rows = path.join(folder, 'my rows', '2026-11')
    mkdirSync(rows, { recursive: true })
    for (const name of ['part-1.jsonl', 'part-2.JSONL', 'other.txt'])
      writeFileSync(path.join(rows, name), '{}\r\n')
    const long = path.join(longFolder(), 'rows.jsonl')
    writeFileSync(long, '{}\r\n')
    const names = async (pattern) => (await findSources([pattern])).map(({ name }) => path.basename(name))
    const parts = ['part-1.jsonl', 'part-2.JSONL']
    const patterns = {
      backslashes: `${folder}\\my rows\\*\\part-*.jsonl`,
      slashes: `${folder.replaceAll('\\', '/')}/my rows/**/p*.jsonl`,
      mixed: `${folder}/my rows\\2026-??/part-[12].jsonl`,
    }
    for (const [what, pattern] of Object.entries(patterns)) expectSame(await names(pattern), parts, what)
    expectSame(await names(`${path.dirname(long)}\\*.jsonl`), ['rows.jsonl'], 'a long path')
    process.chdir(rows)
    expectSame(await names('.\\part-*.jsonl'), parts, 'a relative pattern')
    // A drive's own folder.
    expectSame(await names(`${path.parse(rows).root.slice(0, 2)}part-1*`), ['part-1.jsonl'], 'a drive')
    return 'patterns with either slash, spaces, a drive, no case, a path of more than 260 characters'
  },

  async held() {
    const { atomicFile } = await import('../../../dist/models/atomic-file.js')
    const { removeTree } = await import('../../../dist/held-files.js')
    const file = path.join(folder, 'held.json')
    writeFileSync(file, 'old')
    const hold = async (ms) => {
      const held = openSync(file, constants.O_RDWR | EXCLUSIVE)
      await delay(ms)
      closeSync(held)
    }
    const first = hold(300)
    writeFileSync(`${file}.fresh`, 'new')
    let refusal = null
    try {
      renameSync(`${file}.fresh`, file)
    } catch ({ code }) {
      refusal = code
    }
    if (refusal === null) throw new Error('a file that is held was replaced: nothing is shown by that')
    await atomicFile(file, (handle) => handle.writeFile('new'))
    await first
    expectSame(readFileSync(file, 'utf8'), 'new', 'the file')
    const second = hold(300)
    await removeTree(folder)
    await second
    return `replaced and deleted a file that another handle held (${refusal})`
  },

  async model() {
    const { GenGuard } = await import('../../../dist/index.js')
    const file = path.join(longFolder(), 'modèle 模型.gguf')
    copyFileSync(DEMO, file)
    const guard = await GenGuard.load({ model: file })
    expectSame((await guard.classify('How can I make a bomb?')).safety, 'Unsafe', 'the verdict')
    await guard.close()
    return `a model whose path has ${file.length} characters, some of them not ASCII`
  },

  async loading() {
    const { GenGuard } = await import('../../../dist/index.js')
    void GenGuard.load({ model: 'demo', onProgress: () => exit('while weights are read') })
    await new Promise(() => {})
  },

  async decoding() {
    const { StreamGuard } = await import('../../../dist/index.js')
    const guard = await StreamGuard.load({ model: 'demo' })
    const all = Array.from({ length: 50 }, () => guard.classifyPrompt(LONG_WORK))
    await all[0]
    exit('while Stream decodes')
  },

  async worker() {
    const source = `
      import { GenGuard } from ${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)}
      import { parentPort } from 'node:worker_threads'
      const guard = await GenGuard.load({ model: 'demo' })
      const all = Array.from({ length: 50 }, () => guard.classify(${JSON.stringify(LONG_WORK)}))
      await all[0]
      parentPort.postMessage('decoding')
      await Promise.all(all)`
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
    worker.on('message', () => exit('while a worker thread decodes'))
    await new Promise(() => {})
  },
}

function say(value) {
  writeFileSync(output, JSON.stringify(value))
}

function exit(result) {
  say({ result })
  process.exit(0)
}

// What waits for an exit alone has nothing that keeps the process alive.
const alive = setInterval(() => {}, 1000)
try {
  say({ result: await STEPS[step]() })
} catch (error) {
  say({ error: error.stack ?? String(error) })
  process.exitCode = 1
} finally {
  clearInterval(alive)
}
