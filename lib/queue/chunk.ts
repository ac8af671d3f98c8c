import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { RowHandling } from '../batch/row-judge.js'
import type { ColumnFlags } from '../data/columns.js'
import type { UnsupportedParts } from '../input.js'
import type { LeftOut } from '../message-parts.js'

/** What a worker must be, to judge as the submitter would. */
export interface Needs {
  /** Of this package. */
  version: string
  kind: 'gen' | 'stream'
  /** sha256 of each file of the model. */
  model: string[]
  contextSize?: number
  kvType?: string
  flashAttention?: boolean | 'auto'
  deterministic?: boolean
  chatTemplate?: string
}

/** How each row of a batch is judged and written. */
export interface RowTask extends RowHandling {
  columns: ColumnFlags
  unsupportedParts: UnsupportedParts
  /** What the rows' verdicts call the model. */
  model: string
}

/** The data of the job of one chunk. */
export interface ChunkJob {
  qwen3guardChunk: 1
  batch: string
  index: number
  /** How many rows it has. */
  rows: number
  needs: Needs
  task: RowTask
  /** sha256 of the rows' lines. */
  sha256: string
  /** The rows' lines, packed; or what a store has them under. */
  lines?: string
  at?: string
}

/** What the job of a chunk returns. */
export interface ChunkResult {
  batch: string
  index: number
  rows: number
  failed: number
  /** sha256 of the output's lines. */
  sha256: string
  tokens: number
  leftOut: Partial<Record<LeftOut, number>>
  notes: string[]
  worker: string
  /** The kind of CPU that the addon was built for: others may differ in the last digits of a score. */
  flavour: string
  /** The output's lines, packed; not where a store has them. */
  lines?: string
}

/** The data of the job of a batch, the parent of its chunks. */
export interface BatchJob {
  qwen3guardBatch: 1
  version: string
  /** Rows of each chunk. */
  chunks: number[]
  /** Where a store has the rows; then it has the results too. */
  at?: string
  /** Whether a store joins the results when all are there. */
  merge: boolean
  /** How long it is kept when it is done. */
  keepMs: number
}

/** What the job of a batch returns: each chunk was there once, in order, whole. */
export interface BatchDone {
  rows: number
  failed: number
  chunks: number
  /** sha256 of all output lines. */
  sha256: string
  /** In a store: where all output lines are, in order. */
  output?: string
}

export function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** The id of the job of a batch, by all that its output depends on, and how it is cut. BullMQ takes no colon in an id. */
export function batchId(
  needs: Needs,
  task: RowTask,
  chunks: readonly { sha256: string; rows: number }[],
): string {
  const parts = chunks.map(({ sha256, rows }) => `${sha256} ${rows}\n`)
  return `b${sha256(JSON.stringify([1, needs, task]), '\n', ...parts).slice(0, 40)}`
}

/** The id of the job of a chunk: of its batch, which is data, model, policy and version, and its range. */
export function chunkId(batch: string, index: number): string {
  return `${batch}-${String(index + 1).padStart(6, '0')}`
}

/** @param at the folder in the store, which the submitter has chosen */
export function rowsName(at: string, index: number): string {
  return `${at}/rows-${String(index + 1).padStart(6, '0')}.jsonl`
}

export function resultName(batch: string, index: number): string {
  return `${batch}/judged-${String(index + 1).padStart(6, '0')}.jsonl`
}

export function outputName(batch: string): string {
  return `${batch}/output.jsonl`
}

export async function packed(bytes: Uint8Array): Promise<string> {
  return (await promisify(gzip)(bytes)).toString('base64')
}

export async function unpacked(text: string): Promise<Uint8Array> {
  return await promisify(gunzip)(Buffer.from(text, 'base64'))
}

/** Lines of a text in which each ends with a line break. */
export function linesOf(bytes: Uint8Array): string[] {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\n')
  lines.pop()
  return lines
}
