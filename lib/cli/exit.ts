import { type Command, Option } from 'commander'
import type { Safety } from '../index.js'
import { severity } from '../labels.js'

/** Exit codes of every command. A command ended by a signal exits with 128 + the signal's number. */
export const EXIT = { done: 0, error: 1, usage: 2, failOn: 3 } as const

/** One run of the command line. */
export interface Run {
  /** Aborts when the user interrupts or nobody reads stdout any more. */
  readonly signal: AbortSignal
  /** What the command that succeeds exits with. */
  exitCode: number
  /** Whether --fail-on was given: then an end before all is judged is no success. */
  failOn: boolean
}

export type FailOn = 'unsafe' | 'controversial'

export function addFailOn(command: Command): Command {
  return command.addOption(
    new Option(
      '--fail-on <severity>',
      `exit ${EXIT.failOn} if the worst of what was judged is at least this`,
    ).choices(['unsafe', 'controversial']),
  )
}

/** Whether `worst` is at least as bad as `--fail-on` says; false without the flag. */
export function failsOn(failOn: FailOn | undefined, worst: Safety): boolean {
  if (failOn === undefined) return false
  return severity(worst) >= severity(failOn === 'unsafe' ? 'Unsafe' : 'Controversial')
}
