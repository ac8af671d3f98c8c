import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NativeGgufValue } from '../../binding/binding.js'

/** Licence and base model from the front matter of a checkpoint's README.md, where it has one. */
export async function readModelCard(directory: string): Promise<NativeGgufValue[]> {
  let text: string
  try {
    text = await readFile(join(directory, 'README.md'), 'utf8')
  } catch (error) {
    // Only a description: a checkpoint without a card converts all the same.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? ''
  const values: NativeGgufValue[] = []
  const license = /^license:\s*['"]?([\w.-]+)/m.exec(front)?.[1]
  if (license) values.push({ key: 'general.license', type: 'string', value: license })
  const base = /^base_model:\s*(?:\r?\n\s*-\s*)?['"]?([\w.-]+)\/([\w.-]+)/m.exec(front)
  if (base) {
    const [, organization, name] = base as unknown as [string, string, string]
    values.push(
      { key: 'general.base_model.count', type: 'uint32', value: 1 },
      { key: 'general.base_model.0.name', type: 'string', value: name },
      { key: 'general.base_model.0.organization', type: 'string', value: organization },
      {
        key: 'general.base_model.0.repo_url',
        type: 'string',
        value: `https://huggingface.co/${organization}/${name}`,
      },
    )
  }
  return values
}
