import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PARTS } from '../../lib/adapters/ai-sdk/fields.js'
import { EVENTS, ITEMS } from '../../lib/adapters/openai/response-fields.js'
import { TEXTS } from '../../lib/adapters/openai/response-texts.js'

const read = (file: string) => readFileSync(new URL(`../../node_modules/${file}`, import.meta.url), 'utf8')

/** The members of a union in declarations. */
function members(source: string, union: string): string[] {
  const [, list = ''] = new RegExp(`type ${union}(?:<[^=]*>)? = ([^;{]+);`).exec(source) ?? []
  return list.split('|').map((name) => name.trim().replace(/<.*$/u, '').replace(/^.*\./u, ''))
}

/** The `type` of each of those members, and its other fields. */
function kinds(source: string, union: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const name of members(source, union)) {
    const same = [...source.matchAll(new RegExp(`interface ${name} \\{([\\s\\S]*?)\\n( *)\\}`, 'g'))].map(
      ([, one]) => one,
    )
    // Several namespaces have an interface of some names: an item or event has an id or a number.
    const body = same.find((one) => /\n *(id|sequence_number)\??:/u.test(one ?? '')) ?? same[0] ?? ''
    const [, indent, type] = /\n( *)type: '([^']+)'/u.exec(body) ?? []
    const field = new RegExp(`\\n${indent}([a-z_]+)\\??:`, 'gu')
    if (type)
      found.set(
        type,
        [...body.matchAll(field)].map(([, name]) => name as string),
      )
  }
  return found
}

/** A stream that holds one of these would end with an error, though the SDK has it. */
describe.each(['openai-6', 'openai'])('every kind that the types of %s have is known', (version) => {
  const source = read(`${version}/resources/responses/responses.d.ts`)
  // Answers to what a client sends over a socket, and no part of a response that is streamed.
  const isOfSocket = (type: string) => type.startsWith('response.steer')

  it('among the events of a response, with their fields', () => {
    const events = [...kinds(source, 'ResponseStreamEvent')].filter(([type]) => !isOfSocket(type))
    expect(events.length).toBeGreaterThan(45)
    const texts = TEXTS.flatMap(({ name }) => [`${name}.delta`, `${name}.done`])
    for (const [type, fields] of events) {
      if (texts.includes(type)) continue
      expect(Object.keys(EVENTS)).toContain(type)
      const { rules = {}, speech } = EVENTS[type] ?? {}
      if (speech) continue
      for (const field of fields) expect(Object.keys(rules), type).toContain(field)
    }
  })

  it('among the items of a response, with their fields', () => {
    const items = [...kinds(source, 'ResponseOutputItem')]
    expect(items.length).toBeGreaterThan(12)
    for (const [type, fields] of items) {
      expect(Object.keys(ITEMS)).toContain(type)
      const rules = Object.keys(ITEMS[type]?.rules ?? {})
      // Those that hold parts are taken apart by themselves.
      const others = fields.filter((field) => field !== 'content' && field !== 'summary')
      for (const field of others) expect(rules, type).toContain(field)
    }
  })
})

describe.each(['ai-5', 'ai-6', 'ai'])('every kind that the types of %s have is known', (version) => {
  it('among the parts of its streams', () => {
    const source = read(`${version}/dist/index.d.ts`)
    const start = source.search(/type TextStreamPart</u)
    const ofUnion = source.slice(start, source.indexOf('type AgentSettings', start))
    const inline = [...ofUnion.slice(0, 4000).matchAll(/\n {4}type: '([a-z-]+)'/gu)].map(([, type]) => type)
    const named = [...source.matchAll(/type TextStream\w+Part = \{\n *type: '([a-z-]+)'/gu)].map(
      ([, type]) => type,
    )
    const types = [...new Set([...inline, ...named])] as string[]
    expect(types.length).toBeGreaterThan(14)
    const others = types.filter(
      (type) => type !== 'raw' && !/^(text|reasoning)-(start|delta|end)$/u.test(type),
    )
    for (const type of others) expect(Object.keys(PARTS)).toContain(type)
  })
})
