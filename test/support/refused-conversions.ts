import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect } from 'vitest'
import { GuardError } from '../../lib/errors.js'
import { type ConvertType, convertCheckpoint } from '../../lib/models/convert/convert.js'
import { copyCheckpoint } from './checkpoint.js'
import { temporaryDirectory } from './temporary.js'

export const directory = temporaryDirectory()
let count = 0

export function out(): string {
  return join(directory, `${count++}.gguf`)
}

export function copy(name: string): string {
  return copyCheckpoint(name, directory, `checkpoint-${count++}`)
}

export async function refusal(from: string, to = out(), type: ConvertType = 'f32'): Promise<GuardError> {
  const error = await convertCheckpoint(from, to, { type }).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(GuardError)
  const leftovers = readdirSync(directory).filter((name) => name.startsWith(basename(to)))
  expect(leftovers).toEqual([])
  return error as GuardError
}
