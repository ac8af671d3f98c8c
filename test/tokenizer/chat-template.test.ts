import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ChatTemplate } from '../../lib/tokenizer/chat-template.js'

it('renders a template with CRLF as the same one with LF: its prompts are those of the model', async () => {
  const source = readFileSync(
    join(import.meta.dirname, '..', 'fixtures', 'rendered', 'gen_template.jinja'),
    'utf8',
  )
  const rendered = async (template: string) =>
    (await new ChatTemplate(template).render([{ role: 'user', content: 'one\r\ntwo' }], [], {})).text
  const wanted = await rendered(source)
  expect(wanted).toContain('one\r\ntwo')
  for (const ends of ['\r\n', '\r']) expect(await rendered(source.replaceAll('\n', ends))).toBe(wanted)
})
