/** The model that judged, and what it ran on. */
export interface ModelIdentity {
  /** What the user called it. */
  model: string
  kind: 'gen' | 'stream'
  /** The name in the file; null where it has none. */
  name: string | null
  /** Type of most weights, such as `q8_0`. */
  type: string
  bytes: number
  sha256: string
  licence: string | null
  demonstration: boolean
  /** Such as `CPU`, or the GPU's name. */
  device: string
  versions: { qwen3guard: string; llamaCpp: string | null; node: string; platform: string }
}

/** A file of labelled rows, and what it was read as. */
export interface DataIdentity {
  file: string
  /** Name of the layout. */
  set: string
  title: string
  licence: string
  /** How its labels became safe and unsafe. */
  labels: string
  rows: number
  /** Labelled texts in these rows. */
  texts: number
  /** Parts of rows that could not be used, by reason. */
  skipped: Record<string, number>
}
