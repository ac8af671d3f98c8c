import { describe, expect, it } from 'vitest'
import { endOfInput, exitCodeOf, stopSignals } from '../../lib/cli/stop-signals.js'

describe('signals that end a command in order', () => {
  it('are those of a console on Windows, and never SIGHUP elsewhere, which nohup holds off', () => {
    expect(stopSignals('win32')).toEqual(expect.arrayContaining(['SIGINT', 'SIGBREAK', 'SIGHUP']))
    for (const platform of ['linux', 'darwin'] as const)
      expect(stopSignals(platform)).toEqual(['SIGINT', 'SIGTERM'])
  })

  it('give the exit codes of shells', () => {
    expect([exitCodeOf('SIGINT'), exitCodeOf('SIGTERM')]).toEqual([130, 143])
  })

  it("and the keys that end an input are the system's", () => {
    expect([endOfInput('linux'), endOfInput('win32')]).toEqual(['Ctrl-D', 'Ctrl-Z and Enter'])
  })
})
