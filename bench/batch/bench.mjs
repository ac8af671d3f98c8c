// npm run bench -- batch: rows a second of the command, of a loop of classify and of node-llama-cpp, in turn, on the
// demonstration model and on the 0.6B shape; and what reading and writing rows takes without a model.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { Contender } from '../gen/contender.mjs'
import { numbered, PROMPTS } from '../gen/texts.mjs'
import { installPeer } from '../install-peer.mjs'
import { median, quiet, table } from '../measure.mjs'
import { demonstrationModel, padModel, shapeTitle } from '../pad-model.mjs'

const TEMPLATE = fileURLToPath(new URL('../../test/fixtures/rendered/gen_template.jinja', import.meta.url))

/** Of the time that judging takes on the demonstration model, the most that reading and writing may take. */
const GOAL = 0.1
const ROWS = 100_000
/** Rows in the short form: to judge, and to read. */
const FEW = { judged: 4, read: 500 }

let numberOf = 0
const texts = (count) =>
  Array.from({ length: count }, (_, i) => numbered(PROMPTS[i % PROMPTS.length], ++numberOf))

export async function benchBatch({ short, threads = 2, rounds = 3, parts = ['demo', '0.6b', 'rows'] }) {
  const directory = mkdtempSync(path.join(tmpdir(), 'qwen3guard-bench-'))
  try {
    let perRow
    if (parts.includes('demo')) {
      perRow = await judging('the demonstration model', demonstrationModel('gen'), short ? FEW.judged : 96, {
        short,
        threads,
        rounds,
        directory,
      })
    }
    if (parts.includes('0.6b')) {
      const model = await padModel('gen', { short })
      const options = { short, threads, rounds, directory }
      await judging(`${shapeTitle(short)}, Q8_0`, model, short ? FEW.judged : 8, options)
    }
    if (parts.includes('rows')) {
      await withoutModel(short ? FEW.read : ROWS, { threads, rounds, directory, perRow })
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** @returns median milliseconds a row takes `batch` */
async function judging(name, model, count, { short, threads, rounds, directory }) {
  const version = installPeer({ short })
  const options = { model, threads, chatTemplate: readFileSync(TEMPLATE, 'utf8'), gpu: false }
  const guard = await Contender.start('../batch/guard.mjs', options)
  // The short form goes without what is not here.
  const peer = version && (await Contender.start('./node-llama-cpp.mjs', { ...options, sequences: 16 }))
  const ms = { batch: [], loop: [], peer: [] }
  const file = (name) => {
    const at = path.join(directory, name)
    writeFileSync(
      at,
      texts(count)
        .map((prompt, id) => `${JSON.stringify({ id, prompt })}\n`)
        .join(''),
    )
    return at
  }
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const job of peer ? ['batch', 'loop', 'peer'] : ['batch', 'loop']) {
        await quiet()
        const { ms: took } =
          job === 'peer' ? await peer.run('many', texts(count)) : await guard.run(job, file('rows.jsonl'))
        // The first round warms up.
        if (round > 0) ms[job].push(took)
      }
    }
  } finally {
    await Promise.all([guard.stop(), peer?.stop()])
  }
  console.log(`\n${name}, ${threads} threads, ${count} rows, median of ${rounds} rounds in turn`)
  const rate = (job) => ((1000 * count) / median(ms[job])).toFixed(1)
  const times = (job) => `${median(ms[job].map((took, i) => took / ms.batch[i])).toFixed(2)}x as many`
  table(
    ['', 'rows/s', 'batch has'],
    [
      ['qwen3guard batch', rate('batch'), ''],
      ['a loop of classify', rate('loop'), times('loop')],
      ...(peer ? [[`node-llama-cpp ${version}, 16 sequences`, rate('peer'), times('peer')]] : []),
    ],
  )
  return median(ms.batch) / count
}

async function withoutModel(count, { threads, rounds, directory, perRow }) {
  const guard = await Contender.start('../batch/guard.mjs', {
    model: demonstrationModel('gen'),
    threads,
    gpu: false,
  })
  const rows = texts(count).map((prompt, id) => ({ id, prompt, source: 'bench' }))
  const files = {
    JSONL: path.join(directory, 'all.jsonl'),
    CSV: path.join(directory, 'all.csv'),
    Parquet: path.join(directory, 'all.parquet'),
  }
  writeFileSync(files.JSONL, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const cells = rows.map(({ id, prompt, source }) => `${id},"${prompt.replaceAll('"', '""')}",${source}\n`)
  writeFileSync(files.CSV, `id,prompt,source\n${cells.join('')}`)
  const columnData = ['id', 'prompt', 'source'].map((name) => ({ name, data: rows.map((row) => row[name]) }))
  writeFileSync(files.Parquet, new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 20_000 })))
  const ms = Object.fromEntries(Object.keys(files).map((name) => [name, { read: [], rows: [] }]))
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const [name, file] of Object.entries(files)) {
        for (const job of ['read', 'rows']) {
          await quiet()
          const { ms: took } = await guard.run(job, file)
          if (round > 0) ms[name][job].push(took)
        }
      }
    }
  } finally {
    await guard.stop()
  }
  console.log(`\nwithout a model, ${count} rows, median of ${rounds} rounds`)
  const rate = (took) => Math.round((1000 * count) / median(took)).toLocaleString('en')
  const share = (took) =>
    perRow === undefined
      ? '-'
      : `${((100 * median(took)) / count / perRow).toFixed(1)} % (goal ${100 * GOAL} %)`
  table(
    ['', 'rows/s read', 'rows/s read and written', 'of the time of batch on the demonstration model'],
    Object.entries(ms).map(([name, { read, rows }]) => [name, rate(read), rate(rows), share(rows)]),
  )
}
