import os from 'node:os'
import path from 'node:path'

/** QWEN3GUARD_HOME, if it is set. */
function home(): string | undefined {
  return process.env.QWEN3GUARD_HOME ? path.resolve(process.env.QWEN3GUARD_HOME) : undefined
}

/** Where pulled models are registered: `models` in QWEN3GUARD_HOME, or in the user's data directory. */
export function modelsDirectory(): string {
  return path.join(home() ?? dataDirectory(), 'models')
}

function dataDirectory(): string {
  if (process.platform === 'win32') {
    return path.join(process.env.LOCALAPPDATA || path.join(os.homedir(), 'AppData', 'Local'), 'qwen3guard')
  }
  if (process.platform === 'darwin') {
    return path.join(os.homedir(), 'Library', 'Application Support', 'qwen3guard')
  }
  return path.join(process.env.XDG_DATA_HOME || path.join(os.homedir(), '.local', 'share'), 'qwen3guard')
}

/** Where what can be found out again is kept: QWEN3GUARD_CACHE, or the user's cache directory. */
export function cacheDirectory(): string {
  if (process.env.QWEN3GUARD_CACHE) return path.resolve(process.env.QWEN3GUARD_CACHE)
  if (process.platform === 'win32') return path.join(dataDirectory(), 'cache')
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library', 'Caches', 'qwen3guard')
  return path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'qwen3guard')
}

/** Where downloads go: `hub` in QWEN3GUARD_HOME, or the Hugging Face cache (HF_HUB_CACHE, HF_HOME). */
export async function downloadsDirectory(): Promise<string> {
  const own = home()
  if (own) return path.join(own, 'hub')
  const { getHFHubCachePath } = await import('@huggingface/hub')
  return path.resolve(getHFHubCachePath())
}
