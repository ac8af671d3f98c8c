/** Any part of a stream. Models write the text of a delta into `delta`, streamText into `text`. */
export interface Part {
  type: string
  [field: string]: unknown
}
