// Windows knows no signals but those that a console makes: Ctrl-C, Ctrl-Break and the closing of its window, after which it waits
// some seconds. Who sends SIGTERM there ends the process at once, and nothing can be done about it.
import os from 'node:os'

/** Signals at which a command ends in order. */
export function stopSignals(platform: NodeJS.Platform = process.platform): readonly NodeJS.Signals[] {
  // Elsewhere a command under nohup goes on when its terminal is closed.
  return platform === 'win32' ? ['SIGINT', 'SIGTERM', 'SIGBREAK', 'SIGHUP'] : ['SIGINT', 'SIGTERM']
}

/** Exit code of a command that a signal ended, as shells have it. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  const numbers: Partial<Record<NodeJS.Signals, number>> = os.constants.signals
  return 128 + (numbers[signal] ?? 0)
}

/** Does what Ctrl-C does, for a terminal that is read by line and sends no signal. */
export function interrupt(): void {
  if (process.platform !== 'win32') process.kill(process.pid, 'SIGINT')
  // By process.kill Windows would end it where it stands.
  else if (!process.emit('SIGINT')) process.exit(exitCodeOf('SIGINT'))
}

/** The keys that end what is typed into a terminal. */
export function endOfInput(platform: NodeJS.Platform = process.platform): string {
  return platform === 'win32' ? 'Ctrl-Z and Enter' : 'Ctrl-D'
}
