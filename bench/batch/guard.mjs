// qwen3guard as a contender: the rows of a file judged as the command `batch` judges them, and in a loop of classify.
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import { finished } from 'node:stream/promises'
import { outputRow } from '../../dist/batch/output-row.js'
import { RowJudge } from '../../dist/batch/row-judge.js'
import { BatchRows } from '../../dist/cli/batch-rows.js'
import { Tally } from '../../dist/cli/tally.js'
import { RowColumns } from '../../dist/data/columns.js'
import { NamedColumns } from '../../dist/data/named-columns.js'
import { readRows } from '../../dist/data/read-rows.js'
import { GenGuard } from '../../dist/index.js'

const FIT = { tooLong: 'error', history: 'error' }
const signal = new AbortController().signal

export async function open({ model, threads, chatTemplate, gpu }) {
  const guard = await GenGuard.load({ model, threads, chatTemplate, gpu })
  const verdict = await guard.classify('How do I bake bread?')
  return {
    /** File to file, as the command does it. */
    batch: async (path) => {
      const judge = new RowJudge({ kind: 'gen', model, guard }, new RowColumns(), { fit: FIT })
      const rows = new BatchRows(judge, new Tally(), { skip: 0, named: new NamedColumns({}) }, signal)
      await write(
        `${path}.out`,
        rows.run(await readRows([path]), () => {}),
      )
    },
    /** One call after the other, as a script would have it. */
    loop: async (path) => {
      const out = createWriteStream(`${path}.loop`)
      for (const line of readFileSync(path, 'utf8').trimEnd().split('\n')) {
        const row = JSON.parse(line)
        out.write(`${JSON.stringify({ ...row, verdict: await guard.classify(row.prompt) })}\n`)
      }
      out.end()
      await finished(out)
    },
    /** All that `batch` does but for the judging: one verdict stands for all. */
    rows: async (path) => {
      const columns = new RowColumns()
      async function* lines() {
        for await (const row of await readRows([path])) {
          columns.inputOf(row.record)
          yield { line: `${outputRow(row, { verdict })}\n` }
        }
      }
      await write(`${path}.out`, lines())
    },
    /** Reading alone. */
    read: async (path) => {
      let rows = 0
      for await (const { record } of await readRows([path])) if (record) rows++
      return rows
    },
  }
}

async function write(path, lines) {
  const out = createWriteStream(path)
  for await (const { line } of lines) if (!out.write(line)) await once(out, 'drain')
  out.end()
  await finished(out)
}
