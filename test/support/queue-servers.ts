import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** Removed at the end. */
const folders: string[] = []
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Path of redis-server, or null where it is not installed. */
export const REDIS: string | null = found('redis-server', [])

/** Path of PostgreSQL's programs, or null. Debian keeps them off the PATH. */
export const POSTGRES: string | null = found('initdb', postgresFolders())

/** What a test says that is skipped for want of a server. */
export const MISSING = [
  ...(REDIS ? [] : ['redis-server (Debian: apt-get install redis-server)']),
  ...(POSTGRES ? [] : ['PostgreSQL 13 or newer (Debian: apt-get install postgresql)']),
]

function found(name: string, more: string[]): string | null {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...more]
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file)) ?? null
}

function postgresFolders(): string[] {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return []
  const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a))
  return versions.map((version) => path.join(root, version, 'bin'))
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Waits until somebody listens on a port. */
async function listening(port: number, program: ChildProcess, said: () => string): Promise<void> {
  for (;;) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (connected) return
    if (program.exitCode !== null) throw new Error(`the server ended: ${said()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A server that a test may stop and start again. */
export interface QueueServer {
  url: string
  port: number
  /** @param how SIGKILL: as a machine that is gone */
  stop(how?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
}

function serverOf(port: number, url: string, spawned: () => ChildProcess): QueueServer {
  let program: ChildProcess | null = null
  let said = ''
  return {
    url,
    port,
    start: async () => {
      for (let tries = 1; ; tries++) {
        said = ''
        program = spawned()
        for (const stream of [program.stdout, program.stderr]) stream?.on('data', (text) => (said += text))
        try {
          return await listening(port, program, () => said)
        } catch (error) {
          // PostgreSQL's children outlive a killed parent by a moment, and keep another from its data.
          if (!said.includes('is still in use') || tries === 50) throw error
          await new Promise((resolve) => setTimeout(resolve, 200))
        }
      }
    },
    stop: async (how = 'SIGKILL') => {
      const running = program
      program = null
      if (!running || running.exitCode !== null) return
      const ended = new Promise((resolve) => running.on('exit', resolve))
      running.kill(how)
      await ended
    },
  }
}

/** @param persists whether what is in it is there after a restart */
export async function redis({ persists = false } = {}): Promise<QueueServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwen3guard-redis-'))
  folders.push(folder)
  const port = await freePort()
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const persistence = persists ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']
  const server = serverOf(port, `redis://127.0.0.1:${port}`, () =>
    spawn(REDIS as string, [...options, ...persistence]),
  )
  await server.start()
  return server
}

/** PostgreSQL runs as no root: then it runs as the user that Debian's package makes. */
export async function postgres(): Promise<QueueServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwen3guard-postgres-'))
  folders.push(folder)
  const isRoot = process.getuid?.() === 0
  const as = isRoot ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : []
  if (isRoot) execFileSync('chown', ['postgres', folder])
  const bin = path.dirname(POSTGRES as string)
  const data = path.join(folder, 'data')
  const command = (program: string, ...args: string[]) => [...as, path.join(bin, program), ...args]
  const [first = '', ...rest] = command(
    'initdb',
    '-D',
    data,
    '-U',
    'guard',
    '-A',
    'trust',
    '-N',
    '-E',
    'UTF8',
  )
  execFileSync(first, rest, { stdio: 'pipe', cwd: '/' })
  const port = await freePort()
  const options = ['-D', data, '-p', `${port}`, '-k', folder, '-c', 'listen_addresses=127.0.0.1']
  const server = serverOf(port, `postgres://guard@127.0.0.1:${port}/postgres`, () => {
    const [program = '', ...args] = command('postgres', ...options)
    return spawn(program, args, { cwd: '/' })
  })
  await server.start()
  return server
}

/** Stands between a program and a server, and can cut what goes through it. */
export class Wire {
  readonly #server: Server
  readonly #target: number
  readonly #sockets = new Set<Socket>()
  #cut = false
  port = 0

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer((socket) => this.#connect(socket))
  }

  static async before({ port }: QueueServer): Promise<Wire> {
    const wire = new Wire(port)
    await new Promise<void>((resolve) => wire.#server.listen(0, '127.0.0.1', resolve))
    wire.port = (wire.#server.address() as { port: number }).port
    return wire
  }

  #connect(socket: Socket): void {
    if (this.#cut) return void socket.destroy()
    const other = connect(this.#target, '127.0.0.1')
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  }

  /** Ends all connections, and refuses new ones until `mend`. */
  cut(): void {
    this.#cut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  mend(): void {
    this.#cut = false
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
