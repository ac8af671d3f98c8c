// Detect, roll back, regenerate: the latest tokens of a reply are kept back, and where the guard finds the reply
// unsafe they are dropped and written anew, before anybody has seen them.

/**
 * Yields the reply piece by piece. `generate(prompt, written, attempt)` gives what your model writes after
 * `written`, as an async iterable of text; from attempt 2 on, tell it what went wrong or sample otherwise.
 *
 * @returns true if the reply is complete, false if it was given up
 */
export async function* regenerate(guard, prompt, generate, { keepBack = 32, attempts = 3 } = {}) {
  const moderation = await guard.open(prompt)
  const tokens = [] // judged, and not dropped since
  let shown = 0
  const unsafe = () => moderation.reply.safety === 'Unsafe' && moderation.reply.at !== null
  try {
    if (moderation.prompt.safety === 'Unsafe') return false
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const written = tokens.map((token) => token.text).join('')
      for await (const delta of generate(prompt, written, attempt)) {
        tokens.push(...(await moderation.push(delta)))
        if (unsafe()) break
        while (shown < tokens.length - keepBack) yield tokens[shown++].text
      }
      if (!unsafe()) tokens.push(...(await moderation.end()).rest)
      if (!unsafe()) {
        while (shown < tokens.length) yield tokens[shown++].text
        return true
      }
      tokens.length = shown
      moderation.rewind(shown)
    }
    return false
  } finally {
    await moderation.close()
  }
}
