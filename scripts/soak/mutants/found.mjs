// Mutants that once failed, each as small as it fails: they are tried first.

export const FOUND_GGUF = [
  // Conditions within conditions: each trial of the template takes its limit, and no more.
  { base: 'gen-iq4_nl.gguf', changes: [['template', 20]] },
]

export const FOUND_CHECKPOINTS = []

/**
 * Hubs that once did harm: a file's body, a listing and an answer without end were read on and on; an index that one hub had
 * and another has not was converted with, unverified.
 */
export const FOUND_PULLS = [
  { at: 'model.safetensors', file: 'without end' },
  { at: 'tree', link: 'itself' },
  { at: 'index', value: 'x' },
  { at: 'tree', body: 'without end' },
].map((fault) => ({ base: 'gen-f32-tied', model: 'qwen3guard-gen-4b', changes: [fault] }))
