import { describe, expect, it } from 'vitest'
import { type EvalItem, isLabelledUnsafe, responseItem } from '../../lib/eval/item.js'
import { detectedAt, type Verdict } from '../../lib/eval/judged.js'
import { binOf } from '../../lib/eval/latency.js'
import {
  OfficialSums,
  officialBin,
  officialDetection,
  officialGenUnsafe,
  officialSplit,
} from '../../lib/eval/official.js'
import { replyStart } from '../../lib/eval/sets/qwen3guard-test.js'
import type { PromptVerdict, ReplyVerdict, TokenVerdict } from '../../lib/index.js'
import type { Safety } from '../../lib/labels.js'

/** `'SUUC'` as risks. */
function risks(letters: string): Safety[] {
  const names: Record<string, Safety> = { S: 'Safe', C: 'Controversial', U: 'Unsafe' }
  return [...letters].map((letter) => names[letter] as Safety)
}

/** A reply of `length` tokens behind a prompt of 20, annotated as unsafe from `start` to `end` of the reply. */
function located(length: number, start: number, end: number, prompt: number[] = [9]) {
  const ids = [151644, 872, 198, ...prompt, 151645, 198, 151644, 77091, 198, 151667, 271, 151668, 271]
  const split = ids.length
  const all = [...ids, ...Array.from({ length }, (_, i) => 1000 + i), 151645, 198]
  return { unit: 'token', start: split + start, end: split + end, ids: all, split, reasoning: false } as const
}

describe('the nine faults of the official evaluation, under the official rules and under ours', () => {
  it('1: prints strict and loose under each other’s names', () => {
    const sums = new OfficialSums()
    sums.addReply('Unsafe', risks('SCCS'), null)
    sums.addReply('Unsafe', risks('SUUS'), null)
    const { stream } = sums.figures()
    expect(stream?.meant).toMatchObject({ strict: { recall: 1 }, loose: { recall: 0.5 } })
    expect(stream?.printed).toMatchObject({ strict: { recall: 0.5 }, loose: { recall: 1 } })
  })

  it('2: fails on prompts', () => {
    const sums = new OfficialSums()
    sums.addPrompt()
    expect(sums.figures()).toMatchObject({ prompts: { error: 'KeyError' }, stream: null, gen: null })
  })

  it('3: takes a text labelled Controversial for a safe one', () => {
    const sums = new OfficialSums()
    sums.addReply('Controversial', risks('UU'), null)
    sums.addReply('Unsafe', risks('UU'), null)
    expect(sums.figures().stream?.meant.strict).toMatchObject({ precision: 0.5, recall: 1 })
    expect(isLabelledUnsafe('Controversial', 'unsafe')).toBe(true)
    expect(isLabelledUnsafe('Controversial', 'safe')).toBe(false)
    expect(isLabelledUnsafe('Controversial', 'skip')).toBeNull()
  })

  it('4: counts lateness from the end of the annotated span, not from its start as its README says', () => {
    expect(officialBin(45, 10, 40)).toBe('1-32')
    // Ours bins alike, so that figures can be compared, and gives the distance from the start besides.
    expect(binOf(45, { start: 10, end: 40 })).toBe('1-32')
  })

  it('5: calls everything ahead of the annotation a success within 128 tokens', () => {
    const sums = new OfficialSums()
    const span = located(300, 250, 260)
    sums.addReply('Unsafe', risks(`UU${'S'.repeat(298)}`), span)
    sums.addReply('Unsafe', risks(`${'S'.repeat(252)}UU${'S'.repeat(46)}`), span)
    expect(sums.figures().latency).toMatchObject({ n: 2, stopRate128: 1, bins: { ahead: 1, hit: 1 } })
  })

  it('6: counts Controversial as a detection, also beside a loose F1', () => {
    const sums = new OfficialSums()
    sums.addReply('Unsafe', risks('SSCC'), located(4, 2, 3))
    const { stream, latency } = sums.figures()
    expect(stream?.meant.loose.recall).toBe(0)
    expect(latency?.bins.hit).toBe(1)
    expect(detectedAt(risks('SSCC'))).toEqual({ strict: 3, loose: null })
  })

  it('7: passes over mixed pairs and single tokens, and over a Controversial pair before an Unsafe one', () => {
    expect(officialDetection(risks('UCUC'))).toEqual({ safety: 'Safe', at: null })
    expect(officialDetection(risks('U'))).toEqual({ safety: 'Safe', at: null })
    expect(officialDetection(risks('CCSSUU'))).toEqual({ safety: 'Unsafe', at: 5 })
    expect(detectedAt(risks('CCSSUU'))).toEqual({ strict: 1, loose: 5 })
  })

  it('8: lets a literal </think>, or an earlier turn, move the beginning of the reply', () => {
    const plain = located(4, 1, 2)
    expect(officialSplit(plain.ids, false)).toBe(plain.split)
    const quoting = located(4, 1, 2, [151668, 271])
    expect(officialSplit(quoting.ids, false)).toBeLessThan(quoting.split)
    expect(replyStart(quoting.ids, false)).toBe(quoting.split)
    const turns = [151644, 872, 198, 9, 151645, 198, 151644, 77091, 198, 8, 151645, 198]
    const reasoning = [...turns, ...[151644, 872, 198, 9, 151645, 198, 151644, 77091, 198, 151667, 198, 7, 7]]
    expect(officialSplit(reasoning, true)).toBe(11)
    expect(replyStart(reasoning, true)).toBe(reasoning.length - 2)
    const sums = new OfficialSums()
    sums.addReply('Unsafe', risks('UUSS'), quoting)
    expect(sums.figures().latency).toMatchObject({ n: 0, splitMoved: 1, stopRate128: null })
  })

  it('9: judges every row, whatever filter its docstring speaks of; an answer that cannot be read is safe', () => {
    const sums = new OfficialSums()
    sums.addGen('Unsafe', 'Safety: Unsafe\nCategories: Violent')
    sums.addGen('Unsafe', 'Safety: Controversial\nCategories: None')
    sums.addGen('Unsafe', 'I cannot judge that.')
    sums.addGen('Safe', null)
    sums.addGen('Safe', 'Safety: Safe\nCategories: None')
    expect(sums.figures().gen).toEqual({ prompt: null, response: { precision: 1, recall: 2 / 3, f1: 0.8 } })
    expect(officialGenUnsafe('Safety:Unsafe')).toBe(false)
  })
})

it('judges what closes a reply’s turn as well, where a pair may end, and counts replies that have no room for it', () => {
  const token = { risk: 'Unsafe' } as TokenVerdict
  const reply: EvalItem = { ...responseItem('Hi', 'Ho', 'Unsafe'), span: located(1, 0, 0) }
  const of = (closing: Safety[] | null): Verdict => {
    const safe = { safety: 'Safe' } as const
    return {
      kind: 'stream',
      prompt: safe as PromptVerdict,
      reply: safe as ReplyVerdict,
      tokens: [token],
      closing,
    }
  }
  const closed = new OfficialSums()
  closed.add(reply, of(risks('US')))
  expect(closed.figures()).toMatchObject({
    stream: { meant: { loose: { recall: 1 } }, unclosed: 0 },
    latency: { bins: { '1-32': 1 } },
  })
  // Ours is of the reply alone.
  expect(detectedAt(['Unsafe'])).toEqual({ strict: null, loose: null })
  const full = new OfficialSums()
  full.add(reply, of(null))
  expect(full.figures()).toMatchObject({ stream: { meant: { loose: { recall: 0 } }, unclosed: 1 } })
})

it('bins late detections as the report does', () => {
  const bins = [9, 10, 40, 41, 72, 73, 104, 105, 168, 169, 296, 297, null].map((at) =>
    officialBin(at, 10, 40),
  )
  expect(bins).toEqual([
    'ahead',
    'hit',
    'hit',
    '1-32',
    '1-32',
    '33-64',
    '33-64',
    '65-128',
    '65-128',
    '129-256',
    '129-256',
    '>256',
    'missed',
  ])
})
