import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SOURCE = fileURLToPath(new URL('./failing-memory.cc', import.meta.url))

/** Compiles failing-memory.cc into the directory; null where that cannot be, with the reason on stderr. */
export function failingMemory(directory: string): string | null {
  if (process.platform !== 'linux') return null
  const library = join(directory, 'failing-memory.so')
  const compiler = process.env.CXX ?? 'c++'
  const { status, error, stderr } = spawnSync(
    compiler,
    ['-std=c++17', '-O1', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl'],
    { encoding: 'utf8' },
  )
  if (status === 0) return library
  process.stderr.write(`failing-memory.cc cannot be compiled here: ${error?.message ?? stderr}\n`)
  return null
}
