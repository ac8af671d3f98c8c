// Peers that may crash on a machine: one that does is reported, and the bench goes on without it.

/** A contender whose calls give undefined from its first failure on; null where `start` gives null. */
export async function startOptional(name, start) {
  let contender = null
  const gone = (error) => {
    console.log(`${name} failed on this machine and is left out from here on: ${error.message}`)
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
