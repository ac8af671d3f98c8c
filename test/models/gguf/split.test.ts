import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { inspectGguf } from '../../../lib/cli/inspection.js'
import { Engine } from '../../../lib/engine/engine.js'
import { Model } from '../../../lib/engine/model.js'
import { GenGuard } from '../../../lib/index.js'
import { readModelHeader } from '../../../lib/models/gguf/split.js'
import { exactEngine } from '../../support/fixtures.js'
import { type Gguf, writeGguf } from '../../support/gguf-writer.js'
import { temporaryDirectory } from '../../support/temporary.js'
import { setEntry, tinyModel } from '../../support/tiny-model.js'

const ENGINE = exactEngine({
  contextSize: 64,
  maxSequences: 2,
  cells: 128,
  maxQueue: 4,
  batchSize: 64,
  maxOutputs: 64,
})

const directory = temporaryDirectory()
const partPath = (part: number) => join(directory, `tiny-0000${part}-of-00003.gguf`)

/** The tiny model as llama-gguf-split cuts it: the metadata in the first part, tensors in all. */
function parts(): Gguf[] {
  const { metadata, tensors, version } = tinyModel('gen')
  return [0, 1, 2].map((number) => {
    const part: Gguf = {
      version,
      metadata: number === 0 ? metadata : [],
      tensors: tensors.filter((_, i) => i % 3 === number),
    }
    setEntry(part, 'split.no', 'uint16', number)
    setEntry(part, 'split.count', 'uint16', 3)
    setEntry(part, 'split.tensors.count', 'int32', tensors.length)
    return part
  })
}

function write(models: Gguf[]): void {
  for (const [i, part] of models.entries()) writeFileSync(partPath(i + 1), writeGguf(part))
}

beforeEach(() => write(parts()))

describe('a model in parts', () => {
  it('is loaded as a whole, whichever part is named', async () => {
    const whole = join(directory, 'whole.gguf')
    writeFileSync(whole, writeGguf(tinyModel('gen')))
    const named = Int32Array.from({ length: 32 }, (_, id) => id)
    const logits: number[][] = []
    for (const path of [whole, partPath(1), partPath(3)]) {
      const model = await Model.load(path, { gpu: false })
      const engine = await Engine.create(model, ENGINE)
      const sequence = await engine.acquire({ cells: 8 })
      const output = await sequence.decodeText(Int32Array.of(40, 41, 42), {
        read: Int32Array.of(0, 2),
        named,
      })
      logits.push([...output.named])
      await engine.close()
      model.close()
    }
    expect(logits[0]?.some((value) => value !== 0)).toBe(true)
    expect(logits[1]).toEqual(logits[0])
    expect(logits[2]).toEqual(logits[0])
    expect(await inspectGguf(partPath(2))).toMatchObject({ guard: 'GenGuard', problems: [], tensorCount: 13 })
  })

  it('that lacks one says which', async () => {
    rmSync(partPath(2))
    await expect(GenGuard.load({ model: partPath(1) })).rejects.toThrow(
      /split into 3: tiny-00002-of-00003\.gguf is missing/,
    )
    expect((await inspectGguf(partPath(1))).problems.join()).toContain('tiny-00002-of-00003.gguf is missing')
  })

  it.each<[string, (models: Gguf[]) => void, RegExp]>([
    [
      'a part of another model',
      ([, second]) => setEntry(second as Gguf, 'split.no', 'uint16', 0),
      /part 2 of 3/,
    ],
    [
      'tensors that are missing',
      ([, , third]) => third?.tensors.pop(),
      /hold 12 tensors together, expected 13/,
    ],
    ['a tensor twice', ([first, , third]) => third?.tensors.push(first!.tensors[0]!), /in two of them/],
  ])('is refused with %s', async (_name, change, message) => {
    const models = parts()
    change(models)
    write(models)
    await expect(readModelHeader(partPath(1))).rejects.toThrow(message)
  })

  it('is refused where its name does not lead llama.cpp to the others', async () => {
    const path = join(directory, 'part-1.gguf')
    writeFileSync(path, writeGguf(parts()[0] as Gguf))
    await expect(GenGuard.load({ model: path })).rejects.toThrow(/its name must end with/)
  })
})
