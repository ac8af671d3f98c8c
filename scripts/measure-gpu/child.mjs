// One part in a process of its own: part-process.mjs sends what to run and receives its rows.
process.once('message', async ({ module, options }) => {
  const send = (message) => new Promise((resolve) => process.send(message, resolve))
  try {
    const { run } = await import(module)
    await run(options, (row) => {
      send({ row })
    })
    await send({ done: true })
    process.disconnect()
  } catch (error) {
    const { code, message, stack } = error
    await send({ failed: { code, message, stack } })
    process.exit(1)
  }
})
