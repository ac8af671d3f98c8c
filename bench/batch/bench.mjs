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
import { demonstrationModel, padModel } from '../pad-model.mjs'

const TEMPLATE = fileURLToPath(new URL('../../test/fixtures/rendered/gen_template.jinja', import.meta.url))

/** Of the time that judging takes on the demonstration model, the most that reading and writing may take. */
const GOAL = 0.1
const ROWS = 100_000

let numberOf = 0
const texts = (count) =>
  Array.from({ length: count }, (_, i) => numbered(PROMPTS[i % PROMPTS.length], ++numberOf))

export async function benchBatch({ threads = 2, rounds = 3, parts = ['demo', '0.6b', 'rows'] }) {
  const directory = mkdtempSync(path.join(tmpdir(), 'qwen3guard-bench-'))
  try {
    let perRow
    if (parts.includes('demo')) {
      perRow = await judging('the demonstration model', demonstrationModel('gen'), 96, {
        threads,
        rounds,
        directory,
      })
    }
    if (parts.includes('0.6b')) {
      await judging("Qwen3-0.6B's shape, Q8_0", await padModel('gen'), 8, { threads, rounds, directory })
    }
    if (parts.includes('rows')) await withoutModel(directory, threads, rounds, perRow)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** @returns median milliseconds a row takes `batch` */
async function judging(name, model, count, { threads, rounds, directory }) {
  const version = installPeer()
  const options = { model, threads, chatTemplate: readFileSync(TEMPLATE, 'utf8'), gpu: false }
  const guard = await Contender.start('../batch/guard.mjs', options)
  const peer = await Contender.start('./node-llama-cpp.mjs', { ...options, sequences: 16 })
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
      for (const job of ['batch', 'loop', 'peer']) {
        await quiet()
        const { ms: took } =
          job === 'peer' ? await peer.run('many', texts(count)) : await guard.run(job, file('rows.jsonl'))
        // The first round warms up.
        if (round > 0) ms[job].push(took)
      }
    }
  } finally {
    await Promise.all([guard.stop(), peer.stop()])
  }
  console.log(`\n${name}, ${threads} threads, ${count} rows, median of ${rounds} rounds in turn`)
  const rate = (job) => ((1000 * count) / median(ms[job])).toFixed(1)
  const times = (job) => `${median(ms[job].map((took, i) => took / ms.batch[i])).toFixed(2)}x as many`
  table(
    ['', 'rows/s', 'batch has'],
    [
      ['qwen3guard batch', rate('batch'), ''],
      ['a loop of classify', rate('loop'), times('loop')],
      [`node-llama-cpp ${version}, 16 sequences`, rate('peer'), times('peer')],
    ],
  )
  return median(ms.batch) / count
}

async function withoutModel(directory, threads, rounds, perRow) {
  const guard = await Contender.start('../batch/guard.mjs', {
    model: demonstrationModel('gen'),
    threads,
    gpu: false,
  })
  const rows = texts(ROWS).map((prompt, id) => ({ id, prompt, source: 'bench' }))
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
  console.log(`\nwithout a model, ${ROWS} rows, median of ${rounds} rounds`)
  const rate = (took) => Math.round((1000 * ROWS) / median(took)).toLocaleString('en')
  const share = (took) =>
    perRow === undefined
      ? '-'
      : `${((100 * median(took)) / ROWS / perRow).toFixed(1)} % (goal ${100 * GOAL} %)`
  table(
    ['', 'rows/s read', 'rows/s read and written', 'of the time of batch on the demonstration model'],
    Object.entries(ms).map(([name, { read, rows }]) => [name, rate(read), rate(rows), share(rows)]),
  )
}
