// Mutants that once failed, each as small as it fails: they are tried first.

export const FOUND_GGUF = [
  // Conditions within conditions: each trial of the template takes its limit, and no more.
  { base: 'gen-iq4_nl.gguf', changes: [['template', 20]] },
]

export const FOUND_CHECKPOINTS = []
