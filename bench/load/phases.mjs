// Where the time from a process's start to its first verdict goes: the guard's calls into the addon mark it.
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * Marks of this process, in milliseconds since its start: [what has ended, when]. What is loaded afterwards adds its own.
 *
 * @param entry the package's dist/index.js, imported already
 */
export async function watchPhases(entry, marks) {
  const mark = (phase) => marks.push([phase, performance.now()])
  const { loadBinding } = await import(pathToFileURL(path.join(path.dirname(entry), 'binding', 'addon.js')))
  const binding = loadBinding()
  mark('addon loaded, known to be sound')
  const { loadModel, createEngine } = binding
  binding.loadModel = (options) => {
    mark('file and template checked')
    let begun = false
    const onProgress = (fraction) => {
      // Tensors are read when there is a vocabulary, or beside it.
      if (fraction > 0 && !begun) mark('header read by llama.cpp, first weights')
      begun ||= fraction > 0
      options.onProgress?.(fraction)
    }
    const loading = loadModel.call(binding, { ...options, onProgress })
    const model = loading.model.then((native) => {
      mark('weights and vocabulary')
      return native
    })
    return { model, cancel: loading.cancel }
  }
  binding.createEngine = async (...options) => {
    const engine = await createEngine.apply(binding, options)
    mark('context')
    return engine
  }
}

/** [phase, milliseconds that it took] of marks. */
export const durations = (marks) =>
  marks.map(([phase, at], i) => [phase, at - (i === 0 ? 0 : marks[i - 1][1])])
