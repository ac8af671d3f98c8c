import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readJsonValues } from '../../lib/data/json-values.js'

/** Cuts bytes at these places, modulo their length. */
async function* pieces(text: string, cuts: number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  for (const [at, place] of [...places, bytes.length].entries()) {
    yield bytes.subarray(at === 0 ? 0 : places[at - 1], place)
  }
}

async function values(text: string, cuts: number[]): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const { content } of readJsonValues(pieces(text, cuts), 'it')) {
    found.push(JSON.parse(content.text as string))
  }
  return found
}

const cuts = fc.array(fc.nat(5000), { maxLength: 20 })
/** As JSON has it: no -0 and nothing that is not in it. */
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown)

describe('readJsonValues', () => {
  it('finds the elements of any array, however it is laid out and cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(json), fc.constantFrom(0, 1, 4), cuts, async (array, indent, cuts) => {
        expect(await values(JSON.stringify(array, null, indent), cuts)).toEqual(array)
      }),
    )
  })

  it('finds objects one after the other', async () => {
    const objects = fc.array(fc.dictionary(fc.string(), json), { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(objects, fc.constantFrom('', '\n', ' \r\n'), cuts, async (given, between, cuts) => {
        const list = given.map((one) => JSON.parse(JSON.stringify(one)) as unknown)
        expect(await values(list.map((one) => JSON.stringify(one, null, 2)).join(between), cuts)).toEqual(
          list,
        )
      }),
    )
  })

  it('ends with an error, and not too early, wherever a text is cut off', async () => {
    const text = '[{"a":"}]"},\n[1,2],"x",null]'
    for (let length = 1; length < text.length; length++) {
      await expect(values(text.slice(0, length), [])).rejects.toThrow('no sound JSON')
    }
  })
})
