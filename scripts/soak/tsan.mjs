// The engine's threads over a stub of llama.cpp under ThreadSanitizer, as a long check of `npm run soak`.
import { tsanCheck } from './support/sanitized.mjs'

tsanCheck([], {
  promise: 'No race in queue, cancel, close, log and load (ThreadSanitizer); one right answer a request',
  figure: ({ rounds, done, cancelled, failed, closed }) =>
    `${rounds} engines; ${done} decoded, ${cancelled} cancelled, ${failed} failed by injection, ${closed} closed`,
})
