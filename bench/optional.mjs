// Peers that may crash or hang on a machine: one that does is reported, and the bench goes on without it.

/** Longest that a peer may take to start or for one job. */
export const LIMIT_MS = 300_000

/** What `work` gives, or an error after so long. */
export async function within(ms, work) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1000} s`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * A contender whose calls give undefined from its first failure on, when its process is ended; null where `start` gives null. It
 * ends by itself what it started and could not use.
 */
export async function startOptional(name, start) {
  let contender = null
  const gone = (error) => {
    console.log(`${name} failed on this machine and is left out from here on: ${error.message}`)
    contender?.kill()
    contender = null
  }
  try {
    contender = await start()
  } catch (error) {
    gone(error)
  }
  if (!contender) return null
  const started = contender
  const call = async (method, args) => {
    if (!contender) return undefined
    try {
      return await contender[method](...args)
    } catch (error) {
      gone(error)
      return undefined
    }
  }
  return {
    version: started.version,
    run: (...args) => call('run', args),
    rates: (...args) => call('rates', args),
    /** Ends it, if it has not ended by itself. */
    stop: () => call('stop', []),
    get peak() {
      return started.peak || undefined
    },
  }
}
