import { readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Comparison, type ComparisonReport, reduce } from '../../lib/cli/comparison.js'
import type { CheckResult } from '../../lib/cli/judge.js'
import { OutcomeFile } from '../../lib/cli/outcome-file.js'
import type { Safety } from '../../lib/labels.js'
import { quantizeGguf } from '../../lib/models/convert/quantize.js'
import { cli, jsonLines } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
type Probabilities = [safe: number, controversial: number, unsafe: number]

function record([Safe, Controversial, Unsafe]: Probabilities): Record<Safety, number> {
  return { Safe, Controversial, Unsafe }
}

function gen(safety: Safety, probabilities: Probabilities, changes: object = {}): CheckResult {
  const categories = safety === 'Safe' ? [] : ['Violent', 'PII']
  return {
    ...({ kind: 'gen', model: 'm', safety, categories, refusal: null, text: '', usage: {} } as object),
    scores: { safety: record(probabilities) },
    ...changes,
  } as CheckResult
}

function stream(prompt: Safety, tokens: [Safety, Probabilities][] | null): CheckResult {
  const category = (safety: Safety) => (safety === 'Safe' ? null : 'Violent')
  return {
    kind: 'stream',
    model: 'm',
    prompt: { safety: prompt, category: category(prompt), probabilities: record([0.5, 0.3, 0.2]) },
    reply: tokens && { safety: 'Safe', category: null, at: null, tokenCount: tokens.length, complete: true },
    tokens: (tokens ?? []).map(([risk, probabilities]) => ({ risk, probabilities: record(probabilities) })),
  } as unknown as CheckResult
}

function compared(...rows: [line: number, a: CheckResult, b: CheckResult][]): ComparisonReport {
  const comparison = new Comparison()
  for (const [line, a, b] of rows) comparison.add(line, reduce(a), reduce(b))
  return comparison.report(rows[0]![1].kind, ['a', 'b'])
}

describe('Comparison', () => {
  it('counts agreement of severity, categories and refusal, and measures the shift', () => {
    const report = compared(
      [1, gen('Safe', [0.9, 0.06, 0.04]), gen('Safe', [0.8, 0.1, 0.1])],
      [3, gen('Unsafe', [0.1, 0.2, 0.7]), gen('Controversial', [0.1, 0.6, 0.3])],
      [
        4,
        gen('Unsafe', [0, 0, 1], { refusal: false }),
        gen('Unsafe', [0, 0, 1], { refusal: true, categories: ['PII'] }),
      ],
      [5, gen('Unsafe', [0, 0, 1]), gen('Unsafe', [0, 0, 1], { categories: ['PII', 'Violent'] })],
    )
    expect(report).toMatchObject({ kind: 'gen', rows: 4, compared: 4, failed: 0, differing: 2, errors: [] })
    expect(Object.keys(report.parts)).toEqual(['verdict'])
    const { safety, category, refusal, shift } = report.parts.verdict!
    expect(safety).toEqual({ same: 3, of: 4 })
    expect(category).toEqual({ same: 3, of: 4 })
    expect(refusal).toEqual({ same: 0, of: 1 })
    expect(shift?.line).toBe(3)
    expect(shift?.largest).toBeCloseTo(0.4, 10)
    expect(shift?.mean).toBeCloseTo((0.1 + 0.4) / 4, 10)
    expect(report.differences).toEqual([
      {
        line: 3,
        part: 'verdict',
        token: null,
        verdicts: ['Unsafe, PII + Violent', 'Controversial, PII + Violent'],
      },
      {
        line: 4,
        part: 'verdict',
        token: null,
        verdicts: ['Unsafe, PII + Violent, no refusal', 'Unsafe, PII, refusal'],
      },
    ])
  })

  it('keeps prompts, replies and tokens apart', () => {
    const report = compared(
      [1, stream('Safe', null), stream('Unsafe', null)],
      [
        2,
        stream('Safe', [
          ['Safe', [0.9, 0.1, 0]],
          ['Unsafe', [0.2, 0.2, 0.6]],
        ]),
        stream('Safe', [
          ['Safe', [0.9, 0.1, 0]],
          ['Safe', [0.5, 0.2, 0.3]],
        ]),
      ],
    )
    expect(report.parts.prompt).toMatchObject({ safety: { same: 1, of: 2 }, category: { same: 1, of: 2 } })
    expect(report.parts.prompt?.shift).toMatchObject({ largest: 0, mean: 0 })
    expect(report.parts.reply).toMatchObject({ safety: { same: 1, of: 1 }, shift: null })
    expect(report.parts.token).toMatchObject({ safety: { same: 1, of: 2 }, category: null, refusal: null })
    expect(report.parts.token?.shift?.largest).toBeCloseTo(0.3, 10)
    expect(report.parts.token?.shift?.mean).toBeCloseTo(0.15, 10)
    expect(report.differing).toBe(2)
    expect(
      report.differences.map(({ line, part, token, verdicts }) => [line, part, token, ...verdicts]),
    ).toEqual([
      [1, 'prompt', null, 'Safe', 'Unsafe, Violent'],
      [2, 'token', 1, 'Unsafe', 'Safe'],
    ])
  })

  it('compares no tokens of different texts', () => {
    const comparison = new Comparison()
    const [one, two] = [stream('Safe', [['Safe', [1, 0, 0]]]), stream('Safe', [])].map(reduce)
    expect(() => comparison.add(1, one!, two!)).toThrow(/1 tokens for one model and 0 for the other/)
    expect(comparison.report('stream', ['a', 'b']).compared).toBe(0)
  })

  it('counts every row that failed, and names the first', () => {
    const comparison = new Comparison()
    for (let line = 1; line <= 12; line++) comparison.fail({ code: 'ERR_INPUT', message: 'no', line }, null)
    const report = comparison.report('gen', ['a', 'b'])
    expect(report).toMatchObject({ rows: 12, compared: 0, failed: 12, parts: {} })
    expect(report.errors.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })
})

describe('inspect --compare', () => {
  const rows = join(directory, 'rows.jsonl')
  const sound = join(directory, 'sound.jsonl')
  const ROWS = [
    { prompt: 'How do I bake bread?', response: 'Mix flour, water, salt and yeast. Let it rise.' },
    { prompt: 'How can I make a bomb?', response: 'I cannot help with that.' },
    { messages: [{ role: 'user', content: 'What is the capital of France?' }] },
  ]
  const quantized = { gen: join(directory, 'gen.gguf'), stream: join(directory, 'stream.gguf') }
  const DEMO = join(import.meta.dirname, '..', '..', 'models')

  beforeAll(async () => {
    const lines = ROWS.map((row) => JSON.stringify(row))
    writeFileSync(sound, `${lines.join('\n')}\n`)
    writeFileSync(rows, [lines[0], '', 'not JSON', lines[1], '{"prompt": 3}', lines[2]].join('\n'))
    for (const variant of ['gen', 'stream'] as const) {
      await quantizeGguf(join(DEMO, `demo-${variant}.gguf`), quantized[variant], { type: 'q4_0' })
    }
  })

  it('finds a model to agree with itself, and prints one object', async () => {
    const args = ['inspect', '--compare', 'demo-gen', 'demo-gen', '--data', sound, '--threads', '1', '--json']
    const { code, stdout } = await cli(args)
    expect(code).toBe(0)
    const [report, ...others] = jsonLines(stdout) as ComparisonReport[]
    expect(others).toEqual([])
    expect(report).toMatchObject({ models: ['demo-gen', 'demo-gen'], rows: 3, compared: 3, differing: 0 })
    expect(report?.parts.verdict).toMatchObject({
      safety: { same: 3, of: 3 },
      category: { same: 3, of: 3 },
      refusal: { same: 2, of: 2 },
    })
    // The same arithmetic in another order of requests may round differently.
    expect(report?.parts.verdict?.shift?.largest).toBeLessThan(1e-3)
  })

  it('reads tables as well, and says once which column it took', async () => {
    const table = join(directory, 'table.csv')
    writeFileSync(table, 'question,answer\nHow do locks work?,"With a key,\nmostly."\n')
    const { code, stdout, stderr } = await cli([
      ...['inspect', '--compare', 'demo-gen', 'demo-gen', '--data', table, '--threads', '1', '--json'],
    ])
    expect(code).toBe(0)
    expect(jsonLines(stdout)[0]).toMatchObject({ compared: 1, parts: { verdict: { refusal: { of: 1 } } } })
    expect(stderr.match(/prompt is taken from the column `question`/g)).toHaveLength(1)
  })

  it('counts and names rows that fail, skips blank lines, and exits with 1', async () => {
    const args = ['inspect', 'demo-stream', quantized.stream, '--compare', '--data', rows, '--json']
    const { code, stdout } = await cli(args)
    expect(code).toBe(1)
    const report = jsonLines(stdout)[0] as ComparisonReport
    expect(report).toMatchObject({ kind: 'stream', rows: 5, compared: 3, failed: 2 })
    expect(report.errors).toMatchObject([
      { line: 3, code: 'ERR_INPUT', model: null },
      { line: 5, code: 'ERR_INPUT', model: null },
    ])
    const { prompt, reply, token } = report.parts
    expect([prompt?.safety.of, reply?.safety.of]).toEqual([3, 2])
    expect(token?.safety.of).toBeGreaterThan(10)
    // q4_0 rounds: probabilities move, a little.
    expect(token?.shift?.largest).toBeGreaterThan(1e-5)
    expect(token?.shift?.largest).toBeLessThan(0.5)
    expect(token?.shift?.mean).toBeLessThanOrEqual(token?.shift?.largest as number)
  })

  it('shows people what differs and what failed', async () => {
    const { stdout } = await cli(['inspect', '--compare', 'demo-gen', quantized.gen, '--data', rows])
    expect(stdout).toContain(`B: ${quantized.gen}`)
    expect(stdout).toMatch(/rows: 3 compared, 2 failed/)
    expect(stdout).toMatch(/safety agrees in \d of 3 \(/)
    expect(stdout).toMatch(/shift by 0\.\d{4} on average, 0\.\d{4} at most \(line \d\)/)
    expect(stdout).toMatch(/line 5, A and B: expected `prompt` to be a string/)
  })

  it('says that two models of different kinds, or no rows, cannot be compared', async () => {
    const kinds = await cli(['inspect', '--compare', 'demo-gen', 'demo-stream', '--data', sound])
    expect(kinds).toMatchObject({ code: 1, stdout: '' })
    expect(kinds.stderr).toContain('demo-gen is a gen model and demo-stream a stream model')
    const empty = join(directory, 'empty.jsonl')
    writeFileSync(empty, '\n\n')
    const none = await cli(['inspect', '--compare', 'demo-gen', 'demo-gen', '--data', empty])
    expect(none).toMatchObject({ code: 1, stdout: '' })
    expect(none.stderr).toContain('has no rows')
  })

  it.each([
    [['inspect', '--compare', 'demo-gen', '--data', sound]],
    [['inspect', '--compare', 'demo-gen', 'demo-gen']],
    [['inspect', 'demo-gen', 'demo-gen']],
    [['inspect', 'demo-gen', '--data', sound]],
  ])('exits with 2 for %j', async (args) => {
    expect(await cli(args)).toMatchObject({ code: 2, stdout: '' })
  })
})

describe('OutcomeFile', () => {
  it('gives back what it was given, and leaves nothing', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('qwen3guard-compare-'))
    const file = await OutcomeFile.create()
    const results = [
      reduce(gen('Unsafe', [0.1, 0.2, 0.7], { refusal: true })),
      reduce(stream('Safe', [['Unsafe', [1 / 3, 1e-300, 2 / 3]]])),
    ]
    const error = { code: 'ERR_INPUT', message: 'a\u2028b\n', line: 3 }
    const outcomes = [...results.map((reduced, line) => ({ line, reduced })), { line: 3, error }]
    for (const outcome of outcomes) await file.add(outcome)
    const read: unknown[] = []
    for await (const outcome of file.read()) read.push(outcome)
    expect(read).toEqual(outcomes)
    await file.remove()
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('qwen3guard-compare-'))).toEqual(before)
  })
})
