import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What a user of both SDKs writes. The lines that must not compile tell types from `any`. */
const PROGRAM = `
import { streamText, wrapLanguageModel } from 'ai'
import { OpenAI } from 'openai'
import { StreamGuard } from 'qwen3guard'
import { moderationMiddleware, moderationTransform } from 'qwen3guard/ai-sdk'
import { moderateChat, moderateResponse } from 'qwen3guard/openai'

declare const model: Parameters<typeof wrapLanguageModel>[0]['model']
const guard = await StreamGuard.load({ model: 'demo' })
const messages = [{ role: 'user' as const, content: 'Hi' }]

const middleware = moderationMiddleware(guard, { holdBack: 'sentence', replacement: ({ reason }) => reason })
streamText({ model: wrapLanguageModel({ model, middleware }), messages })
streamText({ model, messages, experimental_transform: moderationTransform(guard, messages) })
// @ts-expect-error
const notMiddleware: number = moderationMiddleware(guard)
// @ts-expect-error
const notTransform: number = moderationTransform(guard, messages)({ tools: {} })

const client = new OpenAI()
const completion = await client.chat.completions.create({ model: 'm', messages, stream: true })
for await (const chunk of moderateChat(guard, messages, completion)) {
  const text: string | null | undefined = chunk.choices[0]?.delta.content
  // @ts-expect-error
  const notText: number = chunk.choices[0]?.delta.content
}
const response = await client.responses.create({ model: 'm', input: messages, stream: true })
for await (const event of moderateResponse(guard, messages, response)) {
  if (event.type === 'response.output_text.delta') event.delta.toUpperCase()
  // @ts-expect-error
  if (event.type === 'response.output_text.delta') event.delta.toFixed()
}
`

it.each([
  { ai: 'ai-5', openai: 'openai-6' },
  { ai: 'ai-6', openai: 'openai-6' },
  { ai: 'ai', openai: 'openai' },
])('the types fit those of $ai and $openai', async ({ ai, openai }) => {
  const directory = temporaryDirectory()
  const modules = path.join(directory, 'node_modules')
  const link = (name: string, target: string) => symlinkSync(target, path.join(modules, name), 'junction')
  mkdirSync(path.join(modules, 'qwen3guard'), { recursive: true })
  for (const name of readdirSync(path.join(ROOT, 'node_modules'))) {
    const installed = { ai, openai }[name] ?? name
    if (!name.startsWith('.')) link(name, path.join(ROOT, 'node_modules', installed))
  }
  copyFileSync(path.join(ROOT, 'package.json'), path.join(modules, 'qwen3guard/package.json'))
  link('qwen3guard/dist', path.join(ROOT, 'dist'))
  writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }')
  writeFileSync(path.join(directory, 'program.ts'), PROGRAM)
  writeFileSync(
    path.join(directory, 'tsconfig.json'),
    JSON.stringify({
      extends: path.join(ROOT, 'tsconfig.json'),
      compilerOptions: {
        noUnusedLocals: false,
        preserveSymlinks: true,
        typeRoots: [path.join(modules, '@types')],
      },
      include: ['program.ts'],
    }),
  )
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc')
  const output = await promisify(execFile)(process.execPath, [tsc, '-p', directory]).then(
    () => '',
    ({ stdout }) => String(stdout),
  )
  expect(output).toBe('')
})
