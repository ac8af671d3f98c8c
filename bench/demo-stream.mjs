// Deltas and concurrent streams on the demonstration model.
import { StreamGuard } from '../dist/index.js'
import { compare, packageIn } from './measure.mjs'

const REPLY =
  'Bread is made from flour, water, salt and yeast. Mix them, let the dough rest for an hour, fold it twice and bake it hot. '.repeat(
    4,
  )

export async function benchDemoStream({ model = 'demo', threads, rounds = 5, beside }) {
  const guard = await StreamGuard.load({ model, ...(threads && { threads }) })
  const moderation = await guard.open('How do I bake bread?')
  const counted = (await moderation.push(REPLY)).length + (await moderation.end()).rest.length
  await moderation.close()
  const one =
    (size, judge = guard) =>
    async () => {
      const opened = await judge.open('How do I bake bread?')
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
  if (beside) {
    const other = await (await packageIn(beside)).StreamGuard.load({ model, ...(threads && { threads }) })
    const eight = (judge) => () => Promise.all(Array.from({ length: 8 }, one(4, judge)))
    const title = (name) => `Stream, a token of ${name}, that of ${beside} and ours`
    await compare(title('one stream, 4 characters a delta'), 'ms', rounds, [
      { name: 'before', run: one(4, other), per: counted },
      { name: 'now', run: one(4), per: counted },
    ])
    await compare(title('8 streams, 4 characters a delta'), 'ms', rounds, [
      { name: 'before', run: eight(other), per: 8 * counted },
      { name: 'now', run: eight(guard), per: 8 * counted },
    ])
    await other.close()
  }
  await guard.close()
}
