import type { EvalReport } from './report-data.js'
import { limitsUnjudged } from './requirements.js'

/** A report as JUnit XML: a test case for every requirement, and one for texts that were not judged. */
export function junitXml(report: EvalReport): string {
  const { model, n, unjudged, requirements, speed, data } = report
  const cases = requirements.map(({ expression, met, why }) =>
    testCase('requirements', expression, met ? null : why),
  )
  // Where a requirement says how many may be unjudged, that is the judge of it.
  if (!limitsUnjudged(report)) {
    const why = unjudged === 0 ? null : `${unjudged} of ${n} texts were not judged`
    cases.unshift(testCase('judging', 'every text was judged', why))
  }
  const failures = cases.filter((one) => one.includes('<failure')).length
  const properties = figuresOf(report).map(
    ([name, value]) => `      <property name="${escaped(name)}" value="${escaped(value)}"/>`,
  )
  const name = `qwen3guard eval: ${model.model} on ${data.map(({ file }) => file).join(', ')}`
  const seconds = speed.seconds.toFixed(3)
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="${cases.length}" failures="${failures}" errors="0" time="${seconds}">
  <testsuite name="${escaped(name)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="0" time="${seconds}" timestamp="${report.time}">
    <properties>
${properties.join('\n')}
    </properties>
${cases.join('\n')}
  </testsuite>
</testsuites>
`
}

function figuresOf(report: EvalReport): [string, string][] {
  const rows: [string, string][] = [
    ['model', report.model.model],
    ['model.sha256', report.model.sha256],
    ['n', String(report.n)],
    ['unjudged', String(report.unjudged)],
  ]
  for (const part of ['prompt', 'response', 'refusal'] as const) {
    for (const reading of ['strict', 'loose'] as const) {
      for (const metric of ['f1', 'precision', 'recall', 'fpr'] as const) {
        const value = report[part]?.[reading][metric]
        if (typeof value === 'number') rows.push([`${part}.${reading}.${metric}`, String(value)])
      }
    }
  }
  return rows
}

function testCase(group: string, name: string, failure: string | null): string {
  const open = `    <testcase classname="qwen3guard.eval.${group}" name="${escaped(name)}" time="0"`
  if (failure === null) return `${open}/>`
  return `${open}>\n      <failure message="${escaped(failure)}"/>\n    </testcase>`
}

function escaped(text: string): string {
  return (
    text
      // XML has no way to write these.
      .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"'\n\r\t]/g, (character) => `&#${character.charCodeAt(0)};`)
  )
}
