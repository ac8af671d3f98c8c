// Deltas and concurrent streams on the demonstration model.
import { StreamGuard } from '../dist/index.js'
import { compare } from './measure.mjs'

const REPLY =
  'Bread is made from flour, water, salt and yeast. Mix them, let the dough rest for an hour, fold it twice and bake it hot. '.repeat(
    4,
  )

export async function benchDemoStream({ model = 'demo', threads, rounds = 5 }) {
  const guard = await StreamGuard.load({ model, ...(threads && { threads }) })
  const moderation = await guard.open('How do I bake bread?')
  const counted = (await moderation.push(REPLY)).length + (await moderation.end()).rest.length
  await moderation.close()
  const one = (size) => async () => {
    const opened = await guard.open('How do I bake bread?')
    for (let at = 0; at < REPLY.length; at += size) await opened.push(REPLY.slice(at, at + size))
    await opened.end()
    await opened.close()
  }
  await compare(`Stream, one token of a reply of ${counted}`, 'ms', rounds, [
    { name: 'one stream, 4 characters a delta', run: one(4), per: counted },
    { name: 'one stream, 64 characters a delta', run: one(64), per: counted },
    { name: 'one stream, all at once', run: one(REPLY.length), per: counted },
    {
      name: '8 streams, 4 characters a delta',
      run: () => Promise.all(Array.from({ length: 8 }, one(4))),
      per: 8 * counted,
    },
  ])
  await guard.close()
}
