import { readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Command } from 'commander'
import { InputError } from '../data/input-error.js'
import { compareReports } from '../eval/compare.js'
import { junitXml } from '../eval/junit.js'
import { htmlReport } from '../eval/report/html.js'
import type { EvalReport } from '../eval/report-data.js'
import { check, limitsUnjudged } from '../eval/requirements.js'
import { atomicFile } from '../models/atomic-file.js'
import { addEvalOptions, type EvalFlags } from './eval-flags.js'
import { evaluate } from './eval-run.js'
import { describeEvalComparison, describeReport } from './eval-text.js'
import { EXIT, type Run } from './exit.js'
import { addLoadOptions } from './load-options.js'
import { readPolicy } from './policy-file.js'
import { say } from './say.js'
import { print } from './standard-streams.js'
import { addTooLong } from './too-long.js'

const HELP = `
DATA are files of labelled rows (JSONL, JSON, CSV, TSV, Parquet, also packed), in a public layout, which is told by
its columns, or your own: "prompt" and maybe "response", or "messages", with "label" (safe, unsafe or controversial).
Exits with ${EXIT.error} if texts could not be judged (unless a requirement says how many may be), with ${EXIT.failOn} if a requirement is not met.

Examples:
  $ qwen3guard eval labelled.csv --model qwen3guard-gen-0.6b --report report.html
  $ qwen3guard eval labelled.csv --require 'f1.strict>=0.85' --require 'unjudged==0' --junit junit.xml
  $ qwen3guard eval --compare before.json after.json`

export function addEval(program: Command, run: Run, version: string): void {
  const command = program
    .command('eval')
    .description('measure a model on labelled rows')
    .argument('<data...>', 'files of labelled rows; with --compare two files that --json wrote')
    .addHelpText('after', HELP)
    .action(async (data: string[], flags: EvalFlags) => {
      if (flags.compare) await compare(command, data, flags)
      else await evaluateAndWrite(command, data, flags, run, version)
    })
  addEvalOptions(command)
  addTooLong(command)
  addLoadOptions(command, 'demo-gen')
}

async function evaluateAndWrite(
  command: Command,
  data: string[],
  flags: EvalFlags,
  run: Run,
  version: string,
): Promise<void> {
  await checkOutputs(flags)
  const policy = flags.policy === undefined ? {} : await readPolicy(flags.policy, run.signal)
  const { report: unchecked, shownErrors } = await evaluate(command, data, flags, policy, run.signal, version)
  const requirements = flags.require.map((one) => check(one, unchecked))
  const report: EvalReport = { ...unchecked, requirements }
  const json = `${JSON.stringify(report)}\n`
  // First of all what was found: judging took its time, and a file may still fail to be written.
  const toStdout = flags.json === true || flags.json === '-'
  await print(toStdout ? json : `${describeReport(report)}\n`)
  for (const { expression, met, why } of requirements) {
    if (!met) say(`not met: ${expression} (${why})`)
  }
  if (report.unjudged > 0 && !limitsUnjudged(report)) {
    say(`${report.unjudged} of ${report.n} texts were not judged: they are in no figure`)
    run.exitCode = EXIT.error
  } else if (requirements.some(({ met }) => !met)) run.exitCode = EXIT.failOn
  if (typeof flags.json === 'string' && flags.json !== '-') await writeWhole(flags.json, json)
  if (flags.junit !== undefined) await writeWhole(flags.junit, junitXml(report))
  if (flags.report !== undefined) {
    const { html, note } = await htmlReport(report, shownErrors)
    await writeWhole(flags.report, html)
    if (note !== null) say(note)
  }
}

async function compare(command: Command, files: string[], flags: EvalFlags): Promise<void> {
  const [first, second] = files
  if (first === undefined || second === undefined || files.length !== 2) {
    command.error('error: --compare takes two files that eval --json wrote')
  }
  await checkOutputs(flags)
  const comparison = compareReports(await readReport(first), await readReport(second))
  if (comparison.compared === 0) throw new InputError(`${first} and ${second} have no judged text in common`)
  const json = `${JSON.stringify(comparison)}\n`
  const toStdout = flags.json === true || flags.json === '-'
  await print(toStdout ? json : `${describeEvalComparison(comparison)}\n`)
  if (typeof flags.json === 'string' && flags.json !== '-') await writeWhole(flags.json, json)
}

/** @throws InputError, before anything is judged, if a file that flags name could not be written where it is to be */
async function checkOutputs({ json, report, junit }: EvalFlags): Promise<void> {
  for (const [flag, file] of Object.entries({ json, report, junit })) {
    if (typeof file !== 'string' || (flag === 'json' && file === '-')) continue
    const directory = path.dirname(file)
    if (!(await stat(directory).catch(() => null))?.isDirectory()) {
      throw new InputError(`--${flag} ${file}: there is no directory ${directory}; make it first`)
    }
    if ((await stat(file).catch(() => null))?.isDirectory()) {
      throw new InputError(`--${flag} ${file}: expected the name of a file, and this is a directory`)
    }
  }
}

async function readReport(file: string): Promise<EvalReport> {
  let value: Partial<EvalReport> | null
  try {
    value = JSON.parse(await readFile(file, 'utf8')) as Partial<EvalReport> | null
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new InputError(`${file} is no JSON, expected what eval --json writes`, { cause })
  }
  if (value?.format !== 'qwen3guard-eval/1' || !Array.isArray(value.items)) {
    throw new InputError(`${file} is not what eval --json writes: run eval with --json ${file}`)
  }
  return value as EvalReport
}

async function writeWhole(file: string, text: string): Promise<void> {
  const existing = await stat(file).catch(() => null)
  // A device or a pipe is written to, never replaced.
  if (existing !== null && !existing.isFile()) await writeFile(file, text)
  else await atomicFile(file, (handle) => handle.writeFile(text))
}
