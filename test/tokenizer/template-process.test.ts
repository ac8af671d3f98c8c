import { describe, expect, it } from 'vitest'
import { renderApart } from '../../lib/tokenizer/template-process.js'

const messages = [{ role: 'user', content: 'hi' }]

/** Keeps this thread, and with it the event loop, as a caller's own work may. */
function hold(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

describe('a template in a process of its own', () => {
  it('is not blamed for time in which its answer could not be read', async () => {
    const source = '{% for m in messages %}{{ m.content }}{% endfor %}'
    await renderApart(source, { messages })
    const text = renderApart(source, { messages })
    await new Promise((resolve) => setImmediate(resolve))
    hold(1500)
    await expect(text).resolves.toBe('hi')
  })

  it('ends where it takes more than its time, and another is rendered after it', async () => {
    const endless = '{% for i in range(1000000000) %}{% endfor %}'
    await expect(renderApart(endless, { messages })).rejects.toThrow(/takes more than/)
    await expect(renderApart('{{ messages[0].content }}', { messages })).resolves.toBe('hi')
  })
})
