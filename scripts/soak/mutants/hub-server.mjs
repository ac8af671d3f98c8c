// A hub on this machine that answers as faults say, and is an honest one without any.
import { createServer } from 'node:http'
import { changedFiles, treeOf } from './hub-mutants.mjs'

const COMMIT = 'c0ffee'.padEnd(40, '0')
/** Bytes that a body without end has at most: what reads on by then never stops. */
const ENDLESS = 256 << 20
/** Pages of a listing without end. */
const MOST_PAGES = 3000

const isLarge = (file) => /\.(safetensors|gguf)$/.test(file)

export class FaultyHub {
  /** Whether somebody read a body, or pages, to the end that was to have none. */
  readWithoutEnd = false
  #files = new Map()
  #faults = []
  #used = new Set()
  #pages = 0
  #server
  url = ''

  async listen() {
    this.#server = createServer((request, response) => {
      response.on('error', () => {})
      this.#answer(request, response)
    })
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${this.#server.address().port}`
  }

  offer(files, faults) {
    this.#files = changedFiles(files, faults)
    this.#faults = faults
    this.#used.clear()
    this.#pages = 0
    this.readWithoutEnd = false
  }

  close() {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #answer(request, response) {
    const path = decodeURIComponent(new URL(request.url, this.url).pathname)
    const [, kind] = /^\/api\/models\/[^/]+\/[^/]+\/(revision|tree)\//.exec(path) ?? []
    const [, file] = /^\/[^/]+\/[^/]+\/resolve\/[^/]+\/(.+)$/.exec(path) ?? []
    const at = kind === 'revision' ? 'commit' : (kind ?? file)
    const fault = this.#faultAt(at)
    if (fault?.route) return this.#redirect(request, response, fault.route)
    if (fault?.status !== undefined) {
      const after = fault.after === null ? {} : { 'retry-after': encodeURIComponent(String(fault.after)) }
      return response.writeHead(fault.status, after).end(fault.status === 204 ? undefined : '{"error": "no"}')
    }
    if (at === 'commit' || at === 'tree') return this.#tell(response, at, fault)
    const content = this.#files.get(file)
    if (content === undefined) return response.writeHead(404).end()
    this.#send(request, response, content, fault?.file)
  }

  #faultAt(at) {
    const fault = this.#faults.find(
      (one) =>
        one.at === at &&
        (one.body || one.route || one.status !== undefined || one.file) &&
        !this.#used.has(one),
    )
    if (fault?.once || fault?.file === 'cut once') this.#used.add(fault)
    return fault
  }

  #redirect(request, response, route) {
    const to = {
      'redirected to itself': request.url,
      'redirected for ever': `${request.url.split('?')[0]}?${Math.random()}`,
      'redirected to a file': 'file:///etc/passwd',
      'redirected to nobody': 'http://127.0.0.1:1/x',
    }[route]
    response.writeHead(302, { location: to }).end()
  }

  #tell(response, at, fault) {
    let value = treeOf(this.#files, this.#faults, isLarge)
    const headers = { 'content-type': 'application/json' }
    if (at === 'commit') {
      value = { id: 'x', sha: COMMIT }
      for (const { at: of, field, value: sha } of this.#faults) if (of === 'commit' && field) value.sha = sha
    } else {
      const link = this.#faults.find((one) => one.link)?.link
      const to = {
        itself: `${this.url}/api/models/a/b/tree/x?page`,
        'another host': 'http://127.0.0.1:1/x',
        'no address': 'x y',
      }
      if (link) headers.link = `<${to[link] ?? link}>; rel="next"`
      if (++this.#pages > MOST_PAGES) {
        this.readWithoutEnd = true
        delete headers.link
      }
      // Pages of folders: no number of files ends them.
      if (this.#pages > 1) value = [{ type: 'directory', path: 'x', size: 0, oid: '0'.repeat(40) }]
    }
    const text = JSON.stringify(value)
    const body = fault?.body
    if (body === 'not packed') headers['content-encoding'] = 'gzip'
    response.writeHead(200, headers)
    if (body === 'without end') return this.#endless(response, '[')
    const bodies = {
      nothing: '',
      'no JSON': '<html>',
      'half the JSON': text.slice(0, text.length / 2),
      'a list': '[1, "x", null]',
      null: 'null',
      'a deep list': '['.repeat(200_000),
      'a text': '"x"',
      'wrong bytes': Buffer.from([0xff, 0xfe, 0, 0x80]),
    }
    response.end(bodies[body] ?? text)
  }

  #send(request, response, content, how) {
    const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const ranges = request.headers.range !== undefined && how !== 'no ranges' && asked < content.length
    const start = ranges ? asked : 0
    let body = content.subarray(start)
    if (how === 'flipped' && body.length > 0) {
      body = Buffer.from(body)
      body[body.length >> 1] ^= 1
    }
    if (how === 'longer') body = Buffer.concat([body, Buffer.alloc(1000, 7)])
    if (how === 'shorter') body = body.subarray(0, body.length >> 1)
    if (how === 'empty') body = body.subarray(0, 0)
    const from = how === 'a wrong range' ? start + 1 : start
    const size = how === 'a range of another size' ? content.length + 1 : content.length
    response.writeHead(ranges ? 206 : 200, {
      ...(how !== 'without end' && { 'content-length': body.length }),
      ...(ranges && { 'content-range': `bytes ${from}-${from + body.length - 1}/${size}` }),
      ...(how === 'not packed' && { 'content-encoding': 'gzip' }),
    })
    if (how === 'without end') {
      response.write(body)
      return this.#endless(response, '\0')
    }
    const cut = {
      'cut once': body.length >> 1,
      'cut for ever': 0,
      'one byte at a time': Math.min(body.length, 1 + (body.length >> 3)),
    }[how]
    if (cut === undefined) return response.end(body)
    response.write(body.subarray(0, cut), () => setTimeout(() => response.destroy(), 1))
  }

  #endless(response, filling) {
    const piece = Buffer.alloc(1 << 20, filling)
    let sent = 0
    const more = () => {
      while (!response.destroyed) {
        sent += piece.length
        if (sent > ENDLESS) {
          this.readWithoutEnd = true
          return response.destroy()
        }
        if (!response.write(piece)) return response.once('drain', more)
      }
    }
    more()
  }
}
