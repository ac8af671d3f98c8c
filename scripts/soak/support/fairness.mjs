// Whether streams that ask for the same are served alike.
import { percentile } from './soak.mjs'

const WORDS = 'You could make a soup of lentils carrots and a little cumin It is ready in half an hour'.split(
  ' ',
)

/** A prompt that fills several ticks. */
const LONG = 'flour water salt and some patience '.repeat(50)

/**
 * `worst`: how many times the median the slowest of `count` equal streams has waited for its pushes, while `crowd` long prompts
 * at a time are judged beside them.
 */
export async function fairness(guard, count, crowd = 0) {
  const moderations = await Promise.all(
    Array.from({ length: count }, (_, i) => guard.open(`What can I cook? (${1000 + i})`)),
  )
  let over = false
  const crowded = Array.from({ length: crowd }, async (_, i) => {
    for (let n = 0; !over; n++) await guard.classifyPrompt(`${i} ${n} ${LONG}`)
  })
  try {
    const waited = await Promise.all(
      moderations.map(async (moderation) => {
        let ms = 0
        for (const word of WORDS) {
          const began = performance.now()
          await moderation.push(`${word} `)
          ms += performance.now() - began
        }
        return ms
      }),
    )
    return { worst: Math.max(...waited) / percentile(waited, 0.5) }
  } finally {
    over = true
    await Promise.all(crowded)
    await Promise.all(moderations.map((moderation) => moderation.close()))
  }
}
