import { describe, expect, it } from 'vitest'
import { type EvalItem, READ_DEFAULTS, type ReadOptions, type Row } from '../../../lib/eval/item.js'
import { DATA_SETS, dataSetNamed, recognise } from '../../../lib/eval/sets/index.js'
import { LAYOUTS } from './layouts.js'

/** What rows of a layout hold, and what of them is skipped and why. */
function read(rows: readonly Row[], options: Partial<ReadOptions> = {}, name?: string) {
  const set = (name === undefined ? undefined : dataSetNamed(name)) ?? recognise(Object.keys(rows[0] ?? {}))
  const readings = rows.flatMap((row) => set.read(row, { ...READ_DEFAULTS, ...options }))
  const items = readings.filter((one): one is EvalItem => !('skip' in one))
  const skipped = readings.flatMap((one) => ('skip' in one ? [one.skip] : []))
  return { set: set.name, items, skipped, short: items.map(short) }
}

/** `response Unsafe: How? | Thus.` */
function short({ target, label, messages, refusal }: EvalItem): string {
  const texts = messages.map(({ content, reasoning }) => (reasoning ? `(${reasoning}) ${content}` : content))
  return `${target} ${label}${refusal === null ? '' : refusal ? ' refusal' : ' no refusal'}: ${texts.join(' | ')}`
}

describe('layouts of public sets', () => {
  it('are told apart by their columns', () => {
    for (const [name, { rows }] of Object.entries(LAYOUTS)) {
      for (const row of rows) expect([name, recognise(Object.keys(row)).name]).toEqual([name, name])
    }
    expect(recognise(['prompt', 'response', 'label']).name).toBe('generic')
    expect(Object.keys(LAYOUTS).sort()).toEqual(
      DATA_SETS.map(({ name }) => name)
        .filter((name) => name !== 'generic')
        .sort(),
    )
  })

  it.each(Object.entries(LAYOUTS))(
    '%s gives its labelled texts, and says what it leaves out',
    (_, layout) => {
      const { short, skipped } = read(layout.rows)
      expect(short).toEqual(layout.items)
      expect(skipped).toEqual(layout.skipped ?? [])
    },
  )

  it('are the same from CSV, where every value is text', () => {
    for (const [name, { rows, items }] of Object.entries(LAYOUTS)) {
      const asText = rows.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([column, value]) => [
            column,
            value === null || value === undefined
              ? ''
              : typeof value === 'object'
                ? JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? Number(one) : one))
                : typeof value === 'boolean'
                  ? value
                    ? 'True'
                    : 'False'
                  : String(value),
          ]),
        ),
      )
      expect([name, read(asText, {}, name).short]).toEqual([name, items])
    }
  })
})

describe('labels between safe and unsafe', () => {
  const row = (...labels: string[]) => ({
    id: 'a',
    text: 'Hm',
    text_type: 'user_message',
    num_annotations: labels.length,
    ...Object.fromEntries([0, 1, 2, 3, 4].map((i) => [`labels_${i}`, labels[i] ?? 'None'])),
  })

  it('count on the side that is asked for', () => {
    const rows = [
      row('Safe', 'Needs Caution', 'Needs Caution'),
      row('Violence', 'Needs Caution', 'Safe', 'Safe', 'Safe'),
    ]
    expect(read(rows).short).toEqual(['prompt Controversial: Hm', 'prompt Safe: Hm'])
    expect(read(rows, { caution: 'skip' })).toMatchObject({
      short: ['prompt Safe: Hm'],
      skipped: ['Needs Caution'],
    })
    const tied = [row('Violence', 'Needs Caution', 'Safe', 'Safe')]
    expect(read(tied).skipped).toEqual(['the annotators do not agree'])
    expect(read(tied, { caution: 'safe' }).short).toEqual(['prompt Safe: Hm'])
  })

  it('of RTP-LX begin at the toxicity asked for', () => {
    const rows = [{ Index: 1, Locale: 'de', Prompt: 'Na', PromptAnnotations: { Toxicity: 2 } }]
    expect(read(rows).short).toEqual(['prompt Unsafe: Na'])
    expect(read(rows, { toxicityFrom: 3 }).short).toEqual(['prompt Safe: Na'])
    expect(dataSetNamed('rtp-lx')?.labels({ ...READ_DEFAULTS, toxicityFrom: 3 })).toContain('3 or more')
  })
})

it('say that replies of Aegis 1.0 are judged without a prompt', () => {
  expect(dataSetNamed('aegis-1')?.labels(READ_DEFAULTS)).toContain('behind an empty prompt')
})

describe('positions of what is unsafe', () => {
  it('are tokens of the rendering in Qwen3GuardTest, counted from its beginning', () => {
    const [item] = read(LAYOUTS['qwen3guard-test']?.rows ?? []).items
    expect(item?.span).toMatchObject({ unit: 'token', start: 14, end: 15, split: 13, reasoning: false })
  })

  it('are characters in SingStreamBench, as Python counts them', () => {
    const { items } = read(LAYOUTS['sing-stream-bench']?.rows ?? [])
    const located = items.filter(({ span }) => span !== null)
    expect(located).toHaveLength(1)
    const [{ messages, span } = { messages: [], span: null }] = located
    expect(span).toMatchObject({ unit: 'character', start: 9 })
    expect(messages.at(-1)?.content.slice(9)).toBe('Mix it.')
  })
})

describe('rows of one’s own', () => {
  it('have a prompt, maybe a response, or messages, and a label of the last of them', () => {
    const { short, skipped, items } = read([
      { id: 7, prompt: 'Hi', label: 'safe', lang: 'en', source: 'x', category: 'greeting' },
      { prompt: 'How?', response: 'Thus.', safety: 'Unsafe', refusal: 'No' },
      { prompt: 'How?', response: 'Thus.', label: 1 },
      { messages: [{ role: 'user', content: 'Hm' }], label: 'Controversial' },
      { prompt: 'How?', response: 'No.', prompt_label: 'unsafe', response_label: 'safe', refusal: true },
      { prompt: 'How?', response: 'No.', refusal: 'refusal' },
      { prompt: 'How?', response: 'No.', is_safe: false },
      { prompt: 'Hi' },
      { prompt: 'Hi', label: 'unsure' },
      { prompt: null, label: 'safe' },
      { messages: [{ role: 'tool', content: 'x' }], label: 'safe' },
    ])
    expect(short).toEqual([
      'prompt Safe: Hi',
      'response Unsafe no refusal: How? | Thus.',
      'response Unsafe: How? | Thus.',
      'prompt Controversial: Hm',
      'prompt Unsafe: How?',
      'response Safe refusal: How? | No.',
      'response null refusal: How? | No.',
      'response Unsafe: How? | No.',
    ])
    expect(items[0]).toMatchObject({ id: '7', language: 'en', source: 'x', categories: ['greeting'] })
    expect(skipped.slice(0, 2)).toEqual(['no label', 'label is "unsure"'])
    expect(skipped[2]).toMatch(/expected `prompt`/)
    expect(skipped[3]).toMatch(/role/)
  })

  it('have the columns that are named', () => {
    const columns = { prompt: 'question', response: 'answer', label: 'bad', id: 'key' }
    const { short, items } = read([{ key: 'k', question: 'How?', answer: 'Thus.', bad: 'true' }], { columns })
    expect(short).toEqual(['response Unsafe: How? | Thus.'])
    expect(items[0]?.id).toBe('k')
  })
})
