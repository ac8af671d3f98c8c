import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { packageRoot } from '../binding/package-root.js'
import { isObject } from '../data/row.js'
import type { Source } from '../data/sources.js'

/** Bytes at a file's beginning and end that tell it from others, with its size. */
const ENDS_BYTES = 64 * 1024

/** What the output of a run depends on. Two runs of one identity write the same rows. */
export interface RunIdentity {
  version: string
  /** In order; by what is in them, wherever they are. */
  inputs: { bytes: number; ends: string }[]
  /** sha256 of each file of the model. */
  model: string[]
  /** Flags that change what is judged or written. */
  options: Record<string, unknown>
}

export async function identityOf(
  sources: readonly Source[],
  model: string,
  options: Record<string, unknown>,
  signal: AbortSignal,
): Promise<RunIdentity> {
  const inputs = await Promise.all(
    sources.map(async ({ name, size }) => ({
      bytes: size ?? -1,
      ends: size === null ? '' : await endsOf(name),
    })),
  )
  const version = packageVersion()
  const hashes = await modelHashes(model, signal)
  // As JSON has it, so that it can be compared with one that was written.
  return JSON.parse(JSON.stringify({ version, inputs, model: hashes, options })) as RunIdentity
}

/** The version of this package. */
export function packageVersion(): string {
  const manifest = join(packageRoot().folder, 'package.json')
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}

/** sha256 of each file of a model. */
export async function modelHashes(model: string, signal?: AbortSignal): Promise<string[]> {
  const hashes: string[] = []
  for (const part of await partsOf(model)) hashes.push(await sha256(part, signal))
  return hashes
}

async function endsOf(path: string): Promise<string> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const hash = createHash('sha256')
    for (const start of [0, Math.max(0, size - ENDS_BYTES)]) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(ENDS_BYTES), 0, ENDS_BYTES, start)
      hash.update(buffer.subarray(0, bytesRead))
    }
    return hash.digest('hex')
  } finally {
    await file.close()
  }
}

/** All files of a model that was split. */
async function partsOf(model: string): Promise<string[]> {
  const [, stem, total] = /^(.*)-\d{5}-of-(\d{5})\.gguf$/.exec(basename(model)) ?? []
  if (stem === undefined) return [model]
  const names = await readdir(dirname(resolve(model)))
  return names
    .filter((name) => name.startsWith(`${stem}-`) && name.endsWith(`-of-${total}.gguf`))
    .sort()
    .map((name) => join(dirname(model), name))
}

async function sha256(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, ...(signal && { signal }) }))
    hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/**
 * What differs between two identities, in words; empty where nothing does.
 *
 * @param names of the inputs of `now`, where they are known
 */
export function differences(before: unknown, now: object, names: readonly string[] = []): string[] {
  const { inputs: wereInputs, model: wasModel, ...was } = isObject(before) ? before : {}
  const { inputs, model, ...is } = now as Record<string, unknown>
  return [
    ...inputDifferences(wereInputs, inputs, names),
    ...(JSON.stringify(wasModel) === JSON.stringify(model) ? [] : ['the model file differs']),
    ...memberDifferences(was, is),
  ]
}

function inputDifferences(before: unknown, now: unknown, names: readonly string[]): string[] {
  if (!Array.isArray(before) || !Array.isArray(now)) return memberDifferences(before, now, 'inputs')
  if (before.length !== now.length) return [`the number of inputs was ${before.length} and is ${now.length}`]
  return now.flatMap((one: unknown, at) => {
    const was: unknown = before[at]
    if (JSON.stringify(was) === JSON.stringify(one)) return []
    const name = names[at] ?? `input ${at + 1}`
    const [bytesWere, bytes] = [isObject(was) && was.bytes, isObject(one) && one.bytes]
    return bytesWere === bytes
      ? [`${name} holds something else than it did`]
      : [`${name} had ${String(bytesWere)} bytes and has ${String(bytes)}`]
  })
}

function memberDifferences(before: unknown, now: unknown, name = ''): string[] {
  if (isObject(before) && isObject(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])]
    return keys.flatMap((key) =>
      memberDifferences(before[key], now[key], name === '' ? key : `${name}.${key}`),
    )
  }
  if (Array.isArray(before) && Array.isArray(now) && before.length === now.length) {
    return before.flatMap((one, at) => memberDifferences(one, now[at], `${name}[${at + 1}]`))
  }
  const [was, is] = [JSON.stringify(before), JSON.stringify(now)]
  return was === is ? [] : [`${name} was ${short(was)} and is ${short(is)}`]
}

function short(json: string | undefined): string {
  if (json === undefined) return 'not given'
  return json.length > 80 ? `${json.slice(0, 80)}…` : json
}
