import type { Server } from 'node:http'
import type { ServerApp } from './app.js'

/** Ends a server: takes no more connections, lets what is in work end until the deadline, then cuts it off. */
export async function drain(server: Server, app: ServerApp, deadlineMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = setTimeout(() => {
    void app.close().then(() => server.closeAllConnections())
  }, deadlineMs)
  await closed
  clearTimeout(timer)
  await app.close()
}
