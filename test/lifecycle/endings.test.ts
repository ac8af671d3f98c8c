import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { fixtureModel } from '../support/fixture-model.js'
import { GPU } from '../support/gpu.js'

const CHILD = fileURLToPath(new URL('../support/lifecycle-child.mjs', import.meta.url))

interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  stderr: string
}

function live(stage: string, ending: string, model: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--expose-gc', CHILD, stage, ending, model], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // A software driver decodes what is in flight for minutes.
      timeout: GPU === false ? 50_000 : 500_000,
    })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stderr }))
  })
}

describe('every stage of life survives every ending', () => {
  let model: string
  beforeAll(async () => {
    model = await fixtureModel('stream-f32-tied')
  })

  for (const stage of ['loading', 'loaded', 'creating', 'idle', 'decoding']) {
    for (const ending of ['end', 'exit', 'close', 'collect', 'worker-end', 'terminate']) {
      it(`${stage}, then ${ending}`, async () => {
        expect(await live(stage, ending, path.resolve(model))).toEqual({ code: 0, signal: null, stderr: '' })
      })
    }
    it(`${stage}, then an uncaught exception`, async () => {
      const { code, signal, stderr } = await live(stage, 'throw', model)
      expect({ code, signal }).toEqual({ code: 1, signal: null })
      expect(stderr).toContain('on purpose')
    })
  }
})
