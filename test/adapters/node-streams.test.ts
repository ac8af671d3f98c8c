import { Duplex, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moderationStage, moderationStream, type TextStreamOptions } from '../../lib/adapters/node-streams.js'
import { ReplyBlockedError, StreamGuard } from '../../lib/index.js'
import { BLOCKED_PROMPT, collect, HARMFUL, HARMLESS, PROMPT, pieces, released } from '../support/replies.js'

const UNICODE = `${HARMLESS}Größe, 👍🏽 and 你好.`

/** A source of bytes, cut anywhere; after them it ends, or stays silent until it is destroyed. */
function bytes(text: string, { size = 5, silent = false } = {}): Readable {
  const all = Buffer.from(text)
  let at = 0
  return new Readable({
    highWaterMark: 1,
    read() {
      if (at < all.length) {
        this.push(all.subarray(at, at + size))
        at += size
      } else if (!silent) this.push(null)
    },
  })
}

/** A destination that keeps what it gets. */
function sink() {
  const chunks: string[] = []
  const writable = new Writable({
    decodeStrings: false,
    highWaterMark: 1,
    write(chunk, _encoding, callback) {
      chunks.push(String(chunk))
      setImmediate(callback)
    },
  })
  return { writable, text: () => chunks.join('') }
}

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load({ model: 'demo' })
})
afterAll(() => guard?.close())

describe.each([
  ['moderationStage', moderationStage as unknown as typeof moderationStream],
  ['moderationStream', moderationStream],
])('%s in a pipeline', (_name, stage) => {
  async function through(source: Readable | Iterable<string>, options?: TextStreamOptions, prompt = PROMPT) {
    const { writable, text } = sink()
    await pipeline(source, stage(guard, prompt, options), writable)
    return text()
  }

  it('passes a reply on as it is, whatever its bytes are cut into', async () => {
    for (const size of [1, 3, 1000]) expect(await through(bytes(UNICODE, { size }))).toBe(UNICODE)
    expect(await through([...UNICODE])).toBe(UNICODE)
    // Pieces of text may end within a surrogate pair.
    expect(await through(UNICODE.split(''))).toBe(UNICODE)
    expect(await through([])).toBe('')
    expect(guard.stats().openSequences).toBe(0)
  })

  it('makes of bytes that end within a character what a decoder makes of them', async () => {
    const cut = Buffer.from('The weather is nice. 👍').subarray(0, -1)
    const source = Readable.from([cut.subarray(0, 22), cut.subarray(22)], { objectMode: false })
    expect(await through(source)).toBe('The weather is nice. \uFFFD')
  })

  it('ends after the released text and the replacement when it blocks', async () => {
    const text = await through(bytes(HARMLESS + HARMFUL), { replacement: '[withheld]' })
    expect(text).toBe(`${await released(guard, HARMLESS + HARMFUL)}[withheld]`)
    expect(await through(bytes(HARMLESS), { replacement: '[no]' }, BLOCKED_PROMPT)).toBe('[no]')
    expect(guard.stats().openSequences).toBe(0)
  })

  it('fails where a block is to be an error, and destroys the source', async () => {
    const source = bytes(HARMLESS + HARMFUL, { silent: true })
    await expect(through(source, { onBlock: 'error' })).rejects.toThrow(ReplyBlockedError)
    expect(source.destroyed).toBe(true)
    expect(guard.stats().openSequences).toBe(0)
  })

  it("fails with the source's error and frees the guard", async () => {
    const source = bytes(HARMLESS, { silent: true })
    const running = through(source)
    source.destroy(new Error('the model is gone'))
    await expect(running).rejects.toThrow('the model is gone')
    await expect.poll(() => guard.stats().openSequences).toBe(0)
  })

  it('destroys the source when the destination is gone, and frees the guard', async () => {
    const source = bytes(HARMLESS, { silent: true })
    const { writable, text } = sink()
    const running = pipeline(source, stage(guard, PROMPT), writable)
    await expect.poll(text).not.toBe('')
    writable.destroy(new Error('the client has left'))
    await expect(running).rejects.toThrow('the client has left')
    expect(source.destroyed).toBe(true)
    await expect.poll(() => guard.stats().openSequences).toBe(0)
  })

  it('ends with the abort of the pipeline while the source is silent', async () => {
    const source = bytes('You could', { silent: true })
    const { writable } = sink()
    const abort = new AbortController()
    const running = pipeline(source, stage(guard, PROMPT), writable, { signal: abort.signal })
    await expect.poll(() => guard.stats().openSequences).toBe(1)
    abort.abort()
    await expect(running).rejects.toMatchObject({ name: 'AbortError' })
    expect(source.destroyed).toBe(true)
    await expect.poll(() => guard.stats().openSequences).toBe(0)
  })

  it('refuses arguments at once', () => {
    expect(() => stage(guard, [])).toThrow(TypeError)
    expect(() => stage(guard, PROMPT, { holdBack: -1 })).toThrow(RangeError)
  })
})

describe('moderationStage', () => {
  it('destroys a silent source when it blocks', async () => {
    const source = bytes(HARMLESS + HARMFUL, { silent: true })
    const { writable, text } = sink()
    await pipeline(source, moderationStage(guard, PROMPT, { replacement: '[withheld]' }), writable)
    expect(text()).toMatch(/\[withheld\]$/)
    await expect.poll(() => source.destroyed).toBe(true)
  })
})

describe('moderationStream', () => {
  it('is a Duplex of text that a source can be piped into', async () => {
    const stream = bytes(UNICODE).pipe(moderationStream(guard, PROMPT))
    expect(stream).toBeInstanceOf(Duplex)
    expect((await collect(stream)).join('')).toBe(UNICODE)
  })

  it('drops what is written after a block', async () => {
    const stream = moderationStream(guard, PROMPT)
    const reading = collect<string>(stream)
    for (const piece of pieces(HARMLESS + HARMFUL.repeat(3))) stream.write(piece)
    expect((await reading).join('')).toBe(await released(guard, HARMLESS + HARMFUL))
    await new Promise<void>((resolve) => {
      stream.end('and more', resolve)
    })
  })

  it('takes no more than its bound while nobody reads it', async () => {
    const stream = moderationStream(guard, PROMPT)
    let written = 0
    const source = new Readable({
      read() {
        written += 1
        this.push('word '.repeat(200))
      },
    })
    source.pipe(stream)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(written).toBeLessThan(500)
    source.destroy()
    stream.destroy()
    await expect.poll(() => guard.stats().openSequences).toBe(0)
  })
})
