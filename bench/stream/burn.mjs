// Keeps a thread half busy: 5 ms of every 10.
const [WORK, EVERY] = [5, 10]

/** Burns in this thread's event loop until the returned function is called. */
export function burn() {
  const timer = setInterval(() => {
    for (const until = performance.now() + WORK; performance.now() < until; );
  }, EVERY)
  return () => clearInterval(timer)
}

// As a process of its own, for a contender without an event loop.
if (process.argv[2] === 'burn') burn()
