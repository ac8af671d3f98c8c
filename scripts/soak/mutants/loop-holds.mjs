// For how long the event loop is held, less the time in which the machine gave its processors to others.
import { readFileSync } from 'node:fs'

const INTERVAL_MS = 2
const SCHEDULE = `/proc/self/task/${process.pid}/schedstat`

/** Watches the loop from now on. Returns a function that ends it and says the longest hold in milliseconds. */
export function watchLoop() {
  let last = performance.now()
  let lastWaited = waited()
  let longest = 0
  const look = () => {
    const [now, waits] = [performance.now(), waited()]
    longest = Math.max(longest, now - last - (waits - lastWaited) - INTERVAL_MS)
    last = now
    lastWaited = waits
  }
  const timer = setInterval(look, INTERVAL_MS)
  return () => {
    look()
    clearInterval(timer)
    return longest
  }
}

/** Milliseconds that this thread was ready to run, and did not. Linux says so; elsewhere they count as held. */
function waited() {
  if (process.platform !== 'linux') return 0
  try {
    return Number(readFileSync(SCHEDULE, 'latin1').split(' ')[1]) / 1e6
  } catch {
    return 0
  }
}
