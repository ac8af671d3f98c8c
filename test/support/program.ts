import { type ChildProcess, spawn } from 'node:child_process'

/** A program of the documentation in a process of its own, as a reader would start it. */
export class Program {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  stdout = ''
  stderr = ''

  constructor(
    command: string,
    args: readonly string[],
    { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
  ) {
    this.child = spawn(command, args, { cwd, env: { ...process.env, NO_COLOR: '1', ...env } })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.child.stdin?.end()
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => resolve({ code, signal }))
    })
  }

  /** Resolves to the match when stdout has it; rejects if the process ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    let isOver = false
    void this.ended.finally(() => (isOver = true))
    while (true) {
      const match = pattern.exec(this.stdout)
      if (match) return match
      if (isOver) throw new Error(`ended before it said ${pattern}: ${this.stdout}${this.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  /** Ends it if it still runs. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }
}

/** Runs a program to its end. @throws Error with its output if it fails */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<string> {
  const program = new Program(command, args, options)
  const { code, signal } = await program.ended
  if (code !== 0)
    throw new Error(`${command} ended with ${code ?? signal}: ${program.stdout}${program.stderr}`)
  return program.stdout
}
