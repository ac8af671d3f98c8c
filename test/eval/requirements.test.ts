import { describe, expect, it } from 'vitest'
import { promptItem, responseItem } from '../../lib/eval/item.js'
import { junitXml } from '../../lib/eval/junit.js'
import type { EvalReport } from '../../lib/eval/report-data.js'
import { check, limitsUnjudged, parseRequirements } from '../../lib/eval/requirements.js'
import { FAILED, gen, report } from './made-report.js'

function result(expression: string, on: EvalReport = report()) {
  return parseRequirements(expression).map((one) => check(one, on))
}

describe('requirements', () => {
  it('hold for prompts and replies alike, unless one is named', () => {
    // Made so that the prompts' F1 is 0.8 and the replies' 0.5.
    expect(result('f1.strict>=0.5')).toEqual([
      { expression: 'f1.strict>=0.5', value: 0.8, met: true, why: 'prompt.f1.strict is 0.8' },
    ])
    expect(result('f1.strict>=0.6')).toMatchObject([{ met: false, why: 'response.f1.strict is 0.5' }])
    expect(result('prompt.f1.strict>=60%')).toMatchObject([{ met: true }])
    expect(result('prompt.strict.f1>0.8')).toMatchObject([{ met: false }])
  })

  it('take totals, refusals and latency, several at once', () => {
    expect(result('unjudged==0, n>=3 && rows=14')).toMatchObject([
      { met: false },
      { met: true },
      { met: true },
    ])
    expect(result('latency.strict.within128.withAhead>=0.9')).toMatchObject([{ met: false, value: null }])
  })

  it('are not met by a figure that is missing', () => {
    expect(result('refusal.f1>=0')).toEqual([
      { expression: 'refusal.f1>=0', value: null, met: false, why: 'there is no refusal.f1 in these data' },
    ])
    expect(result('f1.strict>=0', { ...report(), prompt: null, response: null })).toMatchObject([
      { met: false },
    ])
  })

  it('are refused where they ask for nothing that there is', () => {
    for (const wrong of [
      'f1>=0.8',
      'f1.strict',
      'f2.strict>=1',
      'f1.strict>=x',
      '',
      'prompt>=1',
      'f1.strict=>0.5',
    ]) {
      expect(() => parseRequirements(wrong)).toThrow(/Expected a condition such as/)
    }
  })
})

describe('texts that were not judged', () => {
  const limited = (made: EvalReport, expression: string) =>
    limitsUnjudged({ ...made, requirements: result(expression, made) })

  it('are limited by a requirement on all of them, or on every part that has some', () => {
    const made = report([
      [promptItem('a', 'Unsafe'), gen(0.9)],
      [responseItem('a', 'b', 'Unsafe'), FAILED],
      [responseItem('a', 'c', 'Safe'), gen(0)],
    ])
    expect(limited(made, 'unjudged<=1')).toBe(true)
    expect(limited(made, 'response.unjudged<=1')).toBe(true)
    expect(limited(made, 'prompt.unjudged==0')).toBe(false)
    expect(limited(made, 'f1.strict>=0')).toBe(false)
    const xml = junitXml({ ...made, requirements: result('prompt.unjudged==0', made) })
    expect(xml).toContain('<failure message="1 of 3 texts were not judged"/>')
    const both = report([
      [promptItem('a', 'Unsafe'), FAILED],
      [responseItem('a', 'b', 'Unsafe'), FAILED],
    ])
    expect(limited(both, 'prompt.unjudged<=1')).toBe(false)
    expect(limited(both, 'prompt.unjudged<=1, response.unjudged<=1')).toBe(true)
  })

  it('are limited by the total alone where they are in no part', () => {
    // Stream judges no refusals: a text with no other label is in no part.
    const made = report([
      [promptItem('a', 'Unsafe'), FAILED],
      [responseItem('a', 'b', null, { refusal: true }), FAILED],
    ])
    expect(limited(made, 'prompt.unjudged<=1')).toBe(false)
    expect(limited(made, 'unjudged<=2')).toBe(true)
  })
})

describe('JUnit', () => {
  it('has a case for each requirement, and one for what was not judged', () => {
    const requirements = result('f1.strict>=0.6, prompt.f1.strict>=0.6')
    const xml = junitXml({ ...report(), requirements })
    expect(xml).toContain('<testsuites tests="3" failures="2" errors="0"')
    expect(xml).toContain('<failure message="1 of 15 texts were not judged"/>')
    expect(xml).toContain('name="f1.strict&#62;&#61;0.6"'.replace('&#61;', '='))
    expect(xml).toContain('<property name="prompt.strict.f1" value="0.8"/>')
    expect(xml).not.toContain('value="null"')
  })

  it('leaves what was not judged to a requirement on it', () => {
    const xml = junitXml({ ...report(), requirements: result('unjudged<=1') })
    expect(xml).toContain('tests="1" failures="0"')
  })

  it('writes names that XML could not hold', () => {
    const made = report()
    const xml = junitXml({ ...made, model: { ...made.model, model: 'a<b>&"\u0000\n' } })
    expect(xml).toContain('value="a&#60;b&#62;&#38;&#34;\ufffd&#10;"')
  })
})
