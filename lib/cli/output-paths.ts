import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { InputError } from '../data/input-error.js'
import type { Source } from '../data/sources.js'

/**
 * Ends with wrong usage where `--errors` is an input or both outputs are one file: opening one would empty the other.
 * `--out` may be an input, which it replaces when it is complete; not with `--resume`, which would go on with its own output.
 *
 * @throws InputError for an output in a directory that is not there, or that is one
 */
export async function checkOutputPaths(
  command: Command,
  { out, errors, resume }: { out?: string; errors?: string; resume?: boolean },
  sources: readonly Source[],
): Promise<void> {
  const taken = new Map<string, string>()
  for (const { name, size } of sources) {
    if (size !== null) taken.set((await fileAt(name)).identity, `the input ${name}`)
  }
  for (const [flag, path] of [
    ['--out', out],
    ['--errors', errors],
  ] as const) {
    if (path === undefined || (flag === '--out' && path === '-')) continue
    const { identity, isRegular } = await outputAt(flag, path)
    const other = taken.get(identity)
    if (other !== undefined && (flag === '--errors' || resume))
      command.error(`error: ${flag} ${path} is ${other}: name another file`)
    if (isRegular) taken.set(identity, `also the file of ${flag}`)
  }
}

async function outputAt(flag: string, path: string): Promise<{ identity: string; isRegular: boolean }> {
  const existing = await stat(path).catch(() => null)
  if (existing?.isDirectory()) throw new InputError(`${flag} ${path} is a directory: name a file in it`)
  const directory = await stat(dirname(path)).catch(() => null)
  if (existing === null && !directory?.isDirectory()) {
    throw new InputError(
      `${flag} ${path} cannot be written: there is no directory ${dirname(path)}: make it first`,
    )
  }
  return { ...(await fileAt(path)), isRegular: existing === null || existing.isFile() }
}

/** What is one for all names of a file: links are followed, and hard links have one number. */
async function fileAt(path: string): Promise<{ identity: string }> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  if (found !== null && found.ino !== 0n) return { identity: `${found.dev}:${found.ino}` }
  const directory = await realpath(dirname(path)).catch(() => resolve(dirname(path)))
  return { identity: join(directory, basename(path)) }
}
