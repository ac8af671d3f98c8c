// transformers beside the others, where a Python with torch and transformers is at hand.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { table } from '../measure.mjs'

export async function benchTransformers({ threads, rounds, only = [64, 512] }) {
  const python = process.env.QWEN3GUARD_BENCH_PYTHON ?? 'python3'
  const tried = spawnSync(python, ['-c', 'import torch, transformers; print(transformers.__version__)'], {
    encoding: 'utf8',
  })
  if (tried.status !== 0) {
    console.log(
      `\ntransformers: skipped, '${python}' has no torch and transformers (QWEN3GUARD_BENCH_PYTHON names another)`,
    )
    return
  }
  const script = fileURLToPath(new URL('./kv_and_again.py', import.meta.url))
  const { status, stdout, stderr } = spawnSync(python, [script, threads, rounds, ...only].map(String), {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`kv_and_again.py: ${stderr.slice(-2000)}`)
  console.log(
    `\ntransformers ${tried.stdout.trim()}, f32, random weights, not in turn with the others: milliseconds a token\n`,
  )
  table(
    ['positions', 'with a KV cache', 'the whole sequence again'],
    stdout
      .trim()
      .split('\n')
      .map((line) => {
        const { positions, kv, again } = JSON.parse(line)
        return [positions, kv.toFixed(0), again.toFixed(0)]
      }),
  )
}
