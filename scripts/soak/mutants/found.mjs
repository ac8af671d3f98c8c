// Mutants that once failed, each as small as it fails: they are tried first.

export const FOUND_GGUF = []
