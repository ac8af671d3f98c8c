import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { plainTemplate } from '../../lib/tokenizer/plain-template.js'

const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, '..', 'fixtures', 'rendered', name), 'utf8')

describe('plainTemplate', () => {
  it.each(['gen_template.jinja', 'qwen3_template.jinja'])('knows %s for one', (name) => {
    expect(plainTemplate(fixture(name))).not.toBe(null)
  })

  it.each([
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m.content | trim + '<|im_end|>\n' }}{% endfor %}",
    '{% set loop_messages = messages[1:] %}{% for m in loop_messages %}{{ loop.index0 }}{{ m.content }}{% endfor %}',
    '{% set ns = namespace(n=0) %}{% for m in messages[::-1] %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}',
    '{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.name | tojson }}{% endfor %}{% endif %}{% endfor %}',
  ])('takes %s for one', (source) => {
    expect(plainTemplate(source)).not.toBe(null)
  })

  it.each([
    ['a range', '{% for i in range(9) %}x{% endfor %}'],
    ['a loop over a text that was cut up', "{% for c in messages[0].content.split('') %}x{% endfor %}"],
    [
      'messages that are others',
      "{% set messages = messages[0].content.split('') %}{% for m in messages %}x{% endfor %}",
    ],
    [
      'tool calls that are given',
      "{% for m in messages %}{% set m.tool_calls = m.content.split('') %}{% for c in m.tool_calls %}x{% endfor %}{% endfor %}",
    ],
    [
      'tool calls of a namespace',
      "{% set n = namespace(tool_calls=messages[0].content.split('')) %}{% for c in n.tool_calls %}x{% endfor %}",
    ],
    [
      'a list by the name of a loop',
      '{% for tools in messages %}{% for t in tools %}x{% endfor %}{% endfor %}',
    ],
    ['messages for each message', '{% for m in messages %}{% for n in messages %}x{% endfor %}{% endfor %}'],
    [
      'a text that doubles',
      "{% set n = namespace(x='xx') %}{% for m in messages %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    ],
    [
      'one that doubles in a condition',
      "{% set n = namespace(x='xx') %}{% for m in messages %}{% set n.x = (n.x + n.x) if m else 'x' %}{% endfor %}",
    ],
    [
      'a list that grows',
      '{% set n = namespace(x=[]) %}{% for m in messages %}{% set n.x = n.x + [m] %}{% endfor %}',
    ],
    ['a block that is kept', '{% set x %}{{ x }}{{ x }}{% endset %}'],
    [
      'a text that is escaped again',
      "{% set x = '\"' %}{% for m in messages %}{% set x = x | tojson %}{% endfor %}",
    ],
    ['a text that is replaced', "{{ messages[0].content.replace('', 'xxxxxxxx') }}"],
    ['a filter that is not on the list', "{{ messages[0].content | replace('', 'xxxxxxxx') }}"],
    ['a macro', '{% macro a(n) %}{{ a(n) }}{{ a(n) }}{% endmacro %}{{ a(1) }}'],
    ['a method by a computed name', "{{ messages[0].content['rep' + 'lace']('', 'x') }}"],
    ['a list comprehension', '{% for m in messages if m.content.replace("", "x") %}x{% endfor %}'],
    ['white space without end', `{{ 1 }}${' '.repeat(600)}`],
    ['no template', '{% for %}'],
    ['nesting without end', `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`],
    ['a text that is far too long', 'x'.repeat(70_000)],
  ])('does not take %s for one', (_name, source) => {
    expect(plainTemplate(source)).toBe(null)
  })
})
