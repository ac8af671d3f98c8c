// The engine over the real llama.cpp under ThreadSanitizer, as a long check of `npm run soak`.
import { tsanCheck } from './support/sanitized.mjs'

tsanCheck(['--decode'], {
  promise:
    "No race of the engine with llama.cpp, ggml's threads and the kernels (ThreadSanitizer); streams told what they are told alone",
  figure: ({ rounds, decoded, closed }) => `${rounds} engines; ${decoded} requests decoded, ${closed} closed`,
})
