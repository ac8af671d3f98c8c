import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cli, jsonLines, MAIN, Running } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
/** What is written is the same each time: no times, and no numbers that depend on what was judged beside. */
const FIELDS = ['--fields', 'severity,categories']
/** The long form: QWEN3GUARD_TEST_KILLS=50. */
const KILLS = Number(process.env.QWEN3GUARD_TEST_KILLS ?? 8)
const ROWS = 1200

function rowsFile(name: string, count: number): string {
  const path = join(directory, name)
  const row = (id: number) =>
    id % 97 === 5 ? 'no json' : JSON.stringify({ id, prompt: `How do I bake bread number ${id}?` })
  writeFileSync(path, Array.from({ length: count }, (_, id) => `${row(id)}\n`).join(''))
  return path
}

/** Starts the command and ends it by a signal; true if it had not ended before. */
async function stopped(args: string[], afterMs: number, signal: NodeJS.Signals): Promise<boolean> {
  const running = new Running(args)
  running.child.stdin.end()
  const timer = setTimeout(() => running.child.kill(signal), afterMs)
  const { code } = await running.finished
  clearTimeout(timer)
  return code === null || code > 3
}

describe('batch --resume', () => {
  it('has the bytes of an undisturbed run, however often it was killed', async () => {
    const rows = rowsFile('killed.jsonl', ROWS)
    const [whole, out] = [join(directory, 'whole.jsonl'), join(directory, 'killed-out.jsonl')]
    const started = Date.now()
    expect((await cli(['batch', rows, '--out', whole, ...FIELDS])).code).toBe(1)
    const ms = Date.now() - started
    const args = ['batch', rows, '--out', out, '--resume', ...FIELDS]
    for (let kills = 0; kills < KILLS; ) {
      // While the model is loaded, or among the rows; each run has less to do than the one before.
      if (await stopped(args, Math.random() * Math.min(ms, 3500), 'SIGKILL')) kills += 1
      if (!existsSync(out)) continue
      expect(readFileSync(out, 'utf8')).toBe(readFileSync(whole, 'utf8'))
      rmSync(out)
    }
    const { code, stderr } = await cli(args)
    expect(code).toBe(1)
    expect(stderr).toContain(`rows: ${ROWS} (`)
    expect(readFileSync(out, 'utf8')).toBe(readFileSync(whole, 'utf8'))
    expect(readdirSync(directory).filter((name) => name.startsWith('killed-out.jsonl.'))).toEqual([])
  }, 600_000)

  it('cuts off a row that was not written to its end, and neither judges nor loses one that was', async () => {
    const rows = rowsFile('torn.jsonl', 6)
    const out = join(directory, 'torn-out.jsonl')
    expect((await cli(['batch', rows, '--out', out, ...FIELDS])).code).toBe(1)
    const whole = readFileSync(out, 'utf8')
    const identity = await identityOf(rows, out)
    for (const left of [whole.slice(0, 150), `${whole.slice(0, whole.indexOf('\n') + 1)}\0\0\0\0\n`, whole]) {
      rmSync(out)
      // What is there already is left alone, right or not.
      const marked = left.replace('"Safe"', '"Unsafe"')
      writeFileSync(`${out}.part`, marked)
      writeFileSync(`${out}.part.json`, identity)
      const { code } = await cli(['batch', rows, '--out', out, '--resume', ...FIELDS, '--fail-on', 'unsafe'])
      expect(code).toBe(1)
      expect(readFileSync(out, 'utf8')).toBe(whole.replace('"Safe"', '"Unsafe"'))
    }
  })

  it.skipIf(process.platform === 'win32')('goes on after a disk that was full', async () => {
    const rows = rowsFile('full.jsonl', 200)
    const [whole, out] = [join(directory, 'full-whole.jsonl'), join(directory, 'full-out.jsonl')]
    const args = ['batch', rows, ...FIELDS, '--out']
    expect((await cli([...args, whole])).code).toBe(1)
    // In blocks of 512 or 1024 bytes: less than the output has.
    const limited = spawnSync(
      'sh',
      ['-c', `ulimit -f 8; exec "$0" "$@"`, process.execPath, MAIN, ...args, out],
      {
        encoding: 'utf8',
      },
    )
    expect(limited.status).toBe(1)
    expect(limited.stderr).toMatch(/\d+ rows are kept in .*\n.*EFBIG/)
    expect(existsSync(out)).toBe(false)
    expect((await cli([...args, out, '--resume'])).code).toBe(1)
    expect(readFileSync(out, 'utf8')).toBe(readFileSync(whole, 'utf8'))
  })

  it('says what differs rather than mix two runs, and asks before it overwrites one', async () => {
    const rows = rowsFile('other.jsonl', 3)
    const out = join(directory, 'other-out.jsonl')
    const identity = await identityOf(rows, out)
    const leave = () => {
      writeFileSync(`${out}.part`, '{"id":0,"verdict":{"safety":"Safe"}}\n')
      writeFileSync(`${out}.part.json`, identity)
    }
    leave()
    const again = await cli(['batch', rows, '--out', out, ...FIELDS])
    expect(again.code).toBe(1)
    expect(again.stderr).toMatch(/stopped or is not done yet.*--resume/)
    const refused: [string[], RegExp][] = [
      [[rows, '--model', 'demo-stream'], /the model file differs/],
      [[rows, '--mode', 'strict'], /options\.policy was not given and is \{"mode":"strict"\}/],
      [[rowsFile('another.jsonl', 4)], /another\.jsonl had \d+ bytes and has \d+/],
    ]
    const edited = join(directory, 'edited.jsonl')
    writeFileSync(edited, readFileSync(rows, 'utf8').replace('bread', 'break'))
    refused.push(
      [[edited], /edited\.jsonl holds something else/],
      [[rows, rows], /number of inputs was 1 and is 2/],
    )
    for (const [args, says] of refused) {
      const { code, stderr } = await cli(['batch', ...args, '--out', out, '--resume', ...FIELDS])
      expect(code).toBe(1)
      expect(stderr).toMatch(says)
    }
    expect(readFileSync(`${out}.part`, 'utf8')).toContain('"id":0')
    expect((await cli(['batch', '-', '--out', out, '--resume'], '{}')).code).toBe(2)
    expect((await cli(['batch', rows, '--resume'])).code).toBe(2)
  })

  it.skipIf(process.platform === 'win32')('keeps what is judged when it is interrupted', async () => {
    const rows = rowsFile('long.jsonl', 12_000)
    const out = join(directory, 'long-out.jsonl')
    const running = new Running(['batch', rows, '--out', out, ...FIELDS])
    running.child.stdin.end()
    while (!existsSync(`${out}.part`) || readFileSync(`${out}.part`).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const second = await cli(['batch', rows, '--out', out, '--resume', ...FIELDS])
    expect(second.code).toBe(1)
    expect(second.stderr).toContain(`process ${running.child.pid} is writing the same output`)
    running.child.kill('SIGINT')
    const { code, stderr } = await running.finished
    expect(code).toBe(130)
    expect(stderr).toMatch(/\d+ rows are kept in .*\.part: --resume/)
    // That what was told to stop has not been decoded is no error of llama.cpp's.
    expect(stderr).not.toMatch(/llama|graph|failed/)
    expect(existsSync(out)).toBe(false)
    expect(jsonLines(readFileSync(`${out}.part`, 'utf8')).length).toBeGreaterThan(0)
  })
})

/** What a run of these rows leaves beside its output while it goes on. */
async function identityOf(rows: string, out: string): Promise<string> {
  const running = new Running(['batch', rows, '--out', `${out}-identity`, ...FIELDS])
  running.child.stdin.end()
  const path = `${out}-identity.part.json`
  let identity = ''
  let ended = false
  void running.finished.then(() => (ended = true))
  while (!identity.endsWith('\n') && !ended) {
    identity = existsSync(path) ? readFileSync(path, 'utf8') : ''
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await running.finished
  return identity
}

describe('batch --shard and merge', () => {
  const rows = rowsFile('sharded.jsonl', 11)
  const [whole, merged] = [join(directory, 'unsharded.jsonl'), join(directory, 'merged.jsonl')]
  const shard = (index: number, ending = 'jsonl') => join(directory, `shard-${index}.${ending}`)

  it('puts every row where it was, once', async () => {
    await cli(['batch', rows, '--out', whole, ...FIELDS])
    for (const index of [1, 2, 3]) {
      await cli(['batch', rows, '--out', shard(index), '--shard', `${index}/3`, ...FIELDS])
    }
    expect(jsonLines(readFileSync(shard(3), 'utf8')).map((row) => (row as { id?: number }).id)).toEqual([
      2,
      undefined,
      8,
    ])
    const { code, stderr } = await cli(['merge', merged, shard(3), shard(1), shard(2)])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '11 rows of 3 shards\n' })
    expect(readFileSync(merged, 'utf8')).toBe(readFileSync(whole, 'utf8'))
  })

  it('says what is missing, given twice, cut short or of another run', async () => {
    const refused = async (paths: string[], says: RegExp) => {
      const { code, stderr } = await cli(['merge', join(directory, 'never.jsonl'), ...paths])
      expect(code).toBe(1)
      expect(stderr).toMatch(says)
    }
    await refused([shard(1), shard(3)], /of 3 shards these are missing: 2/)
    await refused([shard(1), shard(2), shard(2)], /both shard 2 of 3/)
    await refused([shard(1), whole], /shard\.json is missing/)
    const content = readFileSync(shard(2), 'utf8')
    writeFileSync(shard(2), content.slice(0, content.lastIndexOf('\n', content.length - 2) + 1))
    await refused([shard(1), shard(2), shard(3)], /has 3 rows, and its note says 4/)
    await cli(['batch', rows, '--out', shard(2), '--shard', '2/3', '--fields', 'severity'])
    await refused([shard(1), shard(2), shard(3)], /different runs: options\.fields/)
    expect(existsSync(join(directory, 'never.jsonl'))).toBe(false)
    expect((await cli(['batch', rows, '--out', shard(9), '--shard', '4/3'])).code).toBe(2)
  })

  it.each(['csv', 'tsv', 'parquet'])('has of tables (%s) what one run would have', async (ending) => {
    const input = join(directory, `tables-${ending}.jsonl`)
    const asked = [
      { id: 'a', prompt: 'Hi', response: 'Hello.', score: 1.5 },
      { id: 'b', prompt: 'How?', response: 'First, pack the gunpowder into a pipe bomb.', score: 2 },
      { id: 'c', prompt: 'Hi', response: null, score: 3 },
      { id: 'd', prompt: 'Hi', response: '<think>Hm</think>Hello.', score: 4 },
    ]
    writeFileSync(input, asked.map((row) => `${JSON.stringify(row)}\n`).join(''))
    const runs: Record<string, string[]> = {
      gen: ['--fields', 'severity,categories,refusal,text,model'],
      stream: ['--model', 'demo-stream', '--fields', 'severity,categories,tokens'],
      reward: ['--reward', 'hybrid', '--helpfulness-column', 'score'],
    }
    for (const [name, flags] of Object.entries(runs)) {
      const file = (part: string, format = ending) =>
        join(directory, `tables-${ending}-${name}-${part}.${format}`)
      const once = file('once', 'jsonl')
      await cli(['batch', input, '--out', once, ...flags])
      for (const index of [1, 2]) {
        await cli(['batch', input, '--out', file(`${index}`), '--shard', `${index}/2`, ...flags])
      }
      const [lines, table] = [file('lines', 'jsonl'), file('table', 'csv')]
      for (const out of [lines, table]) {
        expect((await cli(['merge', out, file('2'), file('1')])).code).toBe(0)
      }
      const expected = jsonLines(readFileSync(once, 'utf8')) as Record<string, unknown>[]
      const merged = jsonLines(readFileSync(lines, 'utf8')) as Record<string, unknown>[]
      // In a table of text the input's own numbers are text.
      const comparable = ({ score: _, verdict, ...row }: Record<string, unknown>) =>
        JSON.parse(
          JSON.stringify({ ...row, verdict }, (_key, value) =>
            typeof value === 'number' ? value.toFixed(4) : value,
          ),
        )
      expect(merged.map(comparable)).toEqual(expected.map(comparable))
      const [header = '', first = ''] = readFileSync(table, 'utf8').split('\n')
      expect(header).toContain(name === 'stream' ? 'verdict.reply.safety' : 'verdict.safety')
      expect(first).toContain('Safe')
    }
  })

  it('merges tables of more shards than rows', async () => {
    const two = rowsFile('two.jsonl', 2)
    for (const index of [1, 2, 3]) {
      await cli(['batch', two, '--out', shard(index, 'csv'), '--shard', `${index}/3`, ...FIELDS])
    }
    const csv = join(directory, 'merged.csv')
    expect((await cli(['merge', csv, shard(1, 'csv'), shard(2, 'csv'), shard(3, 'csv')])).code).toBe(0)
    expect(readFileSync(csv, 'utf8').split('\n')).toHaveLength(4)
  })
})
