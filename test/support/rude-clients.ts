import { connect } from 'node:net'

const HEAD = (path: string) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`

/** Sends the beginning of a request's body and goes away. */
export async function leaveInTheBody(port: number, path: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`${HEAD(path)}Content-Length: 1000\r\n\r\n{"messages": [`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
}

/**
 * Sends a body without end for as long as the server takes it.
 * @returns the bytes that were sent, and what the server said, if anything, before it closed the connection
 */
export async function sendWithoutEnd(port: number, path: string): Promise<{ sent: number; answer: string }> {
  const socket = connect(port, '127.0.0.1')
  let sent = 0
  let answer = ''
  socket.setEncoding('utf8').on('data', (text) => (answer += text))
  socket.write(`${HEAD(path)}Transfer-Encoding: chunked\r\n\r\n`)
  const piece = `1000\r\n${' '.repeat(0x1000)}\r\n`
  const more = () => {
    while (!socket.destroyed && socket.writable) {
      sent += 0x1000
      if (!socket.write(piece)) return
    }
  }
  await new Promise<void>((resolve) => {
    socket.on('drain', more).on('close', () => resolve())
    socket.on('end', () => socket.destroy())
    // The server has closed while more was under way.
    socket.on('error', () => {})
    more()
  })
  return { sent, answer }
}
