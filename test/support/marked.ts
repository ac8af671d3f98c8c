import type { Moderator } from '../../lib/adapters/moderator.js'
import type { ModerationEvent } from '../../lib/index.js'

/** A change to a chunk; the numbers choose among what there is to choose from. */
export interface Mutation {
  kind: 'insert' | 'retype' | 'wrap' | 'graft' | 'rename' | 'key'
  at: number
  from: number
}

export const MUTATIONS: readonly Mutation['kind'][] = ['insert', 'retype', 'wrap', 'graft', 'rename', 'key']

type Node = Record<string, unknown>

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}

/** Every object in a value. */
export function nodesOf(value: unknown): Node[] {
  if (!isNode(value)) return []
  return [value, ...Object.values(value).flatMap(nodesOf)]
}

const pick = <T>(list: readonly T[], by: number): T | undefined => list[by % Math.max(1, list.length)]

/** A copy of the chunk with a change in it; what it is made of is taken from `others`, as `nodesOf` gives them. */
export function mutated(chunk: unknown, { kind, at, from }: Mutation, others: readonly Node[]): unknown {
  const copy = structuredClone(chunk)
  const node = pick(nodesOf(copy), at)
  const other = pick(others, from)
  if (!node || !other) return copy
  const key = pick(Object.keys(node), from)
  const foreign = pick(Object.keys(other), at) ?? 'note'
  if (kind === 'insert')
    node[pick(['note', '__verbose', 'text', 'content', 'delta', 'output'], from) ?? 'note'] = 'text'
  if (kind === 'retype' && 'type' in node) node.type = pick(typesOf(others), from)
  if (kind === 'wrap' && key !== undefined) node[key] = from % 2 === 0 ? [node[key]] : { text: node[key] }
  if (kind === 'graft') node[foreign] = structuredClone(other[foreign] ?? other)
  if (kind === 'rename' && key !== undefined) {
    node[foreign] = node[key]
    delete node[key]
  }
  if (kind === 'key') node[KEY] = 'text'
  return copy
}

const types = new WeakMap<readonly Node[], unknown[]>()

function typesOf(nodes: readonly Node[]): unknown[] {
  const found = types.get(nodes) ?? nodes.flatMap(({ type }) => type ?? [])
  types.set(nodes, found)
  return found
}

/** Stands for a key that is a marker itself. */
const KEY = '\u0000'

/** By these a chunk is known. They stay, so that it still is one, unless `names` says otherwise. */
const NAMES = new Set(['type', 'object', 'role', 'sourceType', 'finish_reason', 'id', 'index'])

/** Writes a marker of its own into every string of chunks, and knows where each stood. */
export class Markers {
  readonly #places: { path: string; type: unknown }[] = []
  #type: unknown

  /** With `names`, also into those by which a chunk is known. */
  mark(chunk: unknown, names: boolean): unknown {
    this.#type = isNode(chunk) ? chunk.type : undefined
    return this.#mark(chunk, names, '')
  }

  #mark(value: unknown, names: boolean, path: string): unknown {
    if (typeof value === 'string') return this.#next(path)
    if (value instanceof Uint8Array) return new TextEncoder().encode(this.#next(path))
    if (Array.isArray(value)) return value.map((one) => this.#mark(one, names, `${path}[]`))
    if (!isNode(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => {
        const below = path === '' ? key : `${path}.${key}`
        if (key === KEY) return [this.#next(`${path}.(key)`), this.#mark(one, names, `${path}.(key)`)]
        // A text that is empty stays so: it opens a part.
        if (one === '' || (!names && NAMES.has(key) && typeof one === 'string')) return [key, one]
        return [key, this.#mark(one, names, below)]
      }),
    )
  }

  /** The places of the markers in a text. */
  in(text: string): { marker: string; path: string; type: unknown }[] {
    return [...new Set(text.match(/MARK\d+MARK/gu) ?? [])].map((marker) => ({
      marker,
      ...(this.#places[Number(/\d+/u.exec(marker)?.[0])] as { path: string; type: unknown }),
    }))
  }

  #next(path: string): string {
    this.#places.push({ path, type: this.#type })
    return `MARK${this.#places.length - 1}MARK`
  }
}

/** Lets every text pass, blocks the first one, or the prompt; and keeps what it has released. */
export function recorder(blocks: 'nothing' | 'reply' | 'prompt') {
  const released: string[] = []
  const verdict = { safety: 'Safe', category: null } as never
  const moderator: Moderator = {
    async *moderate(_input, reply): AsyncGenerator<ModerationEvent> {
      const action = blocks === 'prompt' ? 'block' : 'allow'
      yield { type: 'prompt', verdict, action, usage: { promptTokens: 1, cachedTokens: 0 } as never }
      const end: ModerationEvent = { type: 'end', verdict, action }
      if (action === 'block') {
        yield { type: 'block', reason: 'prompt', verdict, start: 0 }
        yield end
        return
      }
      for await (const text of reply) {
        if (blocks === 'reply') {
          yield { type: 'block', reason: 'reply', verdict, start: 0 }
          break
        }
        released.push(text)
        yield { type: 'text', text }
      }
      yield end
    },
  }
  return { moderator, released }
}
