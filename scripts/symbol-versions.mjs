// The oldest Linux that a release's binaries are for: what Node.js 20 itself asks for, Red Hat 8's and Debian 10's libraries.
import { readFileSync } from 'node:fs'

const OLDEST = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11', GCC: '7.0.0' }

const isNewer = (one, other) => one.localeCompare(other, 'en', { numeric: true }) > 0

/** The versions of symbols that a Linux binary names and those systems lack, such as GLIBC_2.34. */
export function tooNewSymbols(file) {
  const named = readFileSync(file, 'latin1').matchAll(/\0(GLIBC|GLIBCXX|CXXABI|GCC)_([\w.]+)(?=\0)/g)
  // Those systems know no features by name, such as GLIBC_ABI_DT_RELR, which a newer linker may ask for.
  const newer = [...named].filter(
    ([, library, version]) => !/^\d/.test(version) || isNewer(version, OLDEST[library]),
  )
  return [...new Set(newer.map(([, library, version]) => `${library}_${version}`))].sort()
}
