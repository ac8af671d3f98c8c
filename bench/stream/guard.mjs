// qwen3guard as a contender, through its public interface.
import { StreamGuard } from '../../dist/index.js'
import { burn } from './burn.mjs'

const PROMPT = 'How do I bake bread?'
const TEXT =
  'Bread is made from flour, water, salt and yeast. Mix them, let the dough rest for an hour, fold it and bake it hot. '

export async function open(options) {
  const guard = await StreamGuard.load(options)
  // Words of one token each, with the space before them.
  const words = await oneTokenWords(guard)
  const moderations = []
  // Positions that the reply's first token comes after.
  let before

  const word = (at) => words[at % words.length]

  return {
    /** Opens moderations up to `streams` and brings each to `positions` positions. */
    fill: async ({ streams, positions }) => {
      while (moderations.length < streams) {
        const used = guard.stats().cellsUsed
        const moderation = await guard.open(PROMPT)
        moderations.push(moderation)
        // The scaffold of the reply comes with its first token, and the stats count what the cache holds.
        await moderation.pushTokens([word(0).id])
        before ??= guard.stats().cellsUsed - used - 1
      }
      await Promise.all(
        moderations.slice(0, streams).map(async (moderation) => {
          const from = Math.min(moderation.reply.tokenCount, positions - before)
          moderation.rewind(from)
          const count = positions - before - from
          await moderation.pushTokens(Array.from({ length: count }, (_, i) => word(from + i).id))
        }),
      )
      return guard.stats().cellsUsed
    },

    /**
     * Every stream pushes `each` tokens as soon as the verdicts of the last push came, `count` times: as ids, or
     * with `text` as a word, whose verdict comes with the next. Gives each push's milliseconds.
     */
    push: async ({ streams, positions, each, count, text = false, busy = false }) => {
      const open = moderations.slice(0, streams)
      for (const moderation of open) moderation.rewind(positions - before)
      if (text) for (const moderation of open) await moderation.push(word(0).text)
      const stop = busy ? burn() : () => {}
      const started = performance.now()
      const times = await Promise.all(
        open.map(async (moderation) => {
          const own = []
          for (let i = 0; i < count; i++) {
            const at = positions + i * each
            const ids = Array.from({ length: each }, (_, j) => word(at + j).id)
            const pushed = performance.now()
            const verdicts = text ? await moderation.push(word(at).text) : await moderation.pushTokens(ids)
            own.push(performance.now() - pushed)
            if (verdicts.length !== each) throw new Error(`${each} tokens gave ${verdicts.length} verdicts`)
          }
          return own
        }),
      )
      const ms = performance.now() - started
      stop()
      return { ms, times: times.flat() }
    },

    /** The verdicts about a prompt and about each token of a reply. */
    judge: async ({ prompt, reply }) => {
      const moderation = await guard.open(prompt)
      const tokens = [...(await moderation.push(reply)), ...(await moderation.end()).rest]
      await moderation.close()
      return { prompt: moderation.prompt, tokens }
    },
  }
}

async function oneTokenWords(guard) {
  const moderation = await guard.open(PROMPT)
  const tokens = [...(await moderation.push(TEXT)), ...(await moderation.end()).rest]
  await moderation.close()
  const whole = ({ text }, i) => /^ \w+$/.test(text) && /^[^\w]/.test(tokens[i + 1]?.text ?? '')
  return tokens.filter(whole).map(({ id, text }) => ({ id, text }))
}
