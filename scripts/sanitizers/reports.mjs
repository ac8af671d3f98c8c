// What the sanitizers wrote into a folder, as far as it is ours to mend.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** Whether the addon allocated what a leak's stack says: nothing but allocators and the C++ library stands above it. */
function isOurs(leak) {
  const frames = leak.split('\n').filter((line) => /^\s+#\d+ /.test(line))
  const caller = frames.find((line) => !/libsanitizer|libasan|libstdc\+\+/.test(line))
  return caller !== undefined && /qwen3guard\.node|\/native\/|llama\.cpp/.test(caller)
}

/** Each leak of LeakSanitizer's report with its stack. */
function leaksOf(report) {
  return report
    .split(/\n(?=(?:Direct|Indirect) leak of )/)
    .filter((part) => /^(Direct|Indirect) leak of /.test(part))
}

/**
 * The findings in a folder of reports. Node leaves some of its own memory to the end of the process, and so do other
 * addons that the test runner loads: a leak counts where the addon allocated it. Errors and undefined behaviour count always.
 */
export function findings(folder) {
  const found = new Map()
  for (const name of readdirSync(folder)) {
    const report = readFileSync(path.join(folder, name), 'utf8')
    const parts = report.includes('LeakSanitizer')
      ? leaksOf(report).filter(isOurs)
      : report.split(/\n(?=\S+:\d+:\d+: runtime error: )/)
    for (const part of parts.map((text) => text.trim()).filter(Boolean)) {
      // The same place once: addresses and process ids differ.
      const key =
        /^\S+:\d+:\d+: runtime error: /.exec(part)?.[0] ??
        part.replace(/0x[0-9a-f]+|==\d+==|\d+ byte.*? in \d+ object.*?\n/g, '')
      if (!found.has(key)) found.set(key, part)
    }
  }
  return [...found.values()]
}
