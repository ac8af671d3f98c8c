import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { readRows } from '../../lib/data/read-rows.js'
import { Running } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()

const ROWS = Number(process.env.QWEN3GUARD_TEST_ROWS ?? 100_000)
/** One row in this many is judged; the others are errors, which takes the same way but for the model's work. */
const JUDGED = Number(process.env.QWEN3GUARD_TEST_JUDGED ?? 100)

async function rowsFile(count: number): Promise<string> {
  const path = join(directory, `${count}.jsonl`)
  const file = createWriteStream(path)
  for (let id = 0; id < count; id++) {
    const prompt = id % JUDGED === 0 ? `How do I bake bread number ${id}?` : null
    file.write(`${JSON.stringify({ id, prompt, note: 'some text that is kept '.repeat(10) })}\n`)
    if (id % 1000 === 0) await new Promise(setImmediate)
  }
  file.end()
  await finished(file)
  return path
}

/** Peak resident memory in MB of a run under a heap of 64 MB. */
async function peakOf(input: string, out: string): Promise<number> {
  const args = ['batch', input, '--out', out, '--fields', 'severity,scores', '--quiet']
  const running = new Running(args, { NODE_OPTIONS: '--max-old-space-size=64' })
  running.child.stdin.end()
  let peak = 0
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${running.child.pid}/status`, 'utf8')
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
    } catch {
      // It has ended.
    }
  }, 20)
  const { code, stderr } = await running.finished
  clearInterval(timer)
  expect({ code, stderr: stderr.replace(/warning.*\n/, '') }).toEqual({ code: 1, stderr: '' })
  return peak
}

describe.skipIf(process.platform !== 'linux')('memory of batch', () => {
  it('does not grow with the rows, from JSONL to any output', async () => {
    const one = await peakOf(await rowsFile(200), join(directory, 'few.csv'))
    const many = await rowsFile(ROWS)
    for (const ending of ['jsonl', 'csv', 'parquet']) {
      const out = join(directory, `many.${ending}`)
      const peak = await peakOf(many, out)
      expect(peak - one).toBeLessThan(300)
      let rows = 0
      for await (const { defect } of await readRows([out])) if (defect === null) rows += 1
      expect(rows).toBe(ROWS)
      if (process.env.QWEN3GUARD_TEST_ROWS) {
        console.log(`${ending}: ${ROWS} rows peak ${Math.round(peak - one)} MB above 200 rows`)
      }
    }
  }, 86_400_000)
})
