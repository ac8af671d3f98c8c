import { createInterface } from 'node:readline/promises'

const PROMPT = '> '

/**
 * Asks for texts, one a line, and hands each to `answer` until the input ends (Ctrl-D) or `signal` aborts. Empty lines are
 * passed over.
 *
 * @param interrupt called at Ctrl-C, which a terminal that is read by line does not send as a signal
 * @throws what `answer` throws, or `signal.reason`
 */
export async function askForTexts(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  answer: (text: string) => Promise<void>,
  { signal, interrupt }: { signal: AbortSignal; interrupt: () => void },
): Promise<void> {
  const lines = createInterface({ input, output, signal, prompt: PROMPT })
  lines.on('SIGINT', interrupt)
  try {
    output.write('Type a text to be judged, and Enter; end with Ctrl-D.\n')
    lines.prompt()
    for await (const line of lines) {
      if (line.trim() !== '') await answer(line)
      signal.throwIfAborted()
      lines.prompt()
    }
    signal.throwIfAborted()
    // Behind the prompt that nobody answered.
    output.write('\n')
  } finally {
    lines.close()
  }
}
