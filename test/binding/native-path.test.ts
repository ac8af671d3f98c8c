import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { nativePath } from '../../lib/binding/native-path.js'

const LONG = `${'folder of models\\'.repeat(20)}gen.gguf`

describe('nativePath', () => {
  it.each([
    ['C:\\models\\gen.gguf', 'C:\\models\\gen.gguf'],
    [`C:\\${LONG}`, `\\\\?\\C:\\${LONG}`],
    // Where no limit holds there are no slashes and no dots either.
    [`C:/./${LONG.replaceAll('\\', '/')}`, `\\\\?\\C:\\${LONG}`],
    [`\\\\server\\share\\${LONG}`, `\\\\?\\UNC\\server\\share\\${LONG}`],
    [`\\\\?\\C:\\${LONG}`, `\\\\?\\C:\\${LONG}`],
  ])('spells %s so that Windows opens it', (file, spelled) => {
    expect(nativePath(file, path.win32)).toBe(spelled)
  })

  it('leaves every other system its paths', () => {
    const file = `models/${'a'.repeat(300)}/gen.gguf`
    expect(nativePath(file, path.posix)).toBe(file)
  })
})
