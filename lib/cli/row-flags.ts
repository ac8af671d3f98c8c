import { type Command, Option } from 'commander'
import { type ColumnFlags, NO_COLUMN } from '../data/columns.js'
import { ROW_FORMATS, type RowFormat } from '../data/row.js'
import type { UnsupportedParts } from '../input.js'
import { printable } from './printable.js'

/** Flags of every command that reads rows. */
export interface RowFlags {
  format?: RowFormat
  promptColumn?: string
  responseColumn?: string
  messagesColumn?: string
  idColumn?: string
  unsupportedParts: UnsupportedParts
}

export function addRowFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--format <format>', 'format of the input, where its name does not say it').choices(
        ROW_FORMATS,
      ),
    )
    .option('--prompt-column <name>', 'column of the prompts; a.b is field b of column a (default: guessed)')
    .option('--response-column <name>', 'column of the responses; none: judge prompts alone')
    .option('--messages-column <name>', 'column of the conversations')
    .option('--id-column <name>', "column of the rows' names, for errors")
    .addOption(
      new Option(
        '--unsupported-parts <how>',
        'images and audio beside text: an error, or left out and counted',
      )
        .choices(['error', 'skip'])
        .default('skip'),
    )
}

type ColumnNames = Pick<RowFlags, 'promptColumn' | 'responseColumn' | 'messagesColumn' | 'idColumn'>

export function columnsOf(flags: ColumnNames): ColumnFlags {
  const { responseColumn } = flags
  return {
    ...(flags.promptColumn !== undefined && { prompt: flags.promptColumn }),
    ...(responseColumn === NO_COLUMN && { noResponse: true }),
    ...(responseColumn !== undefined && responseColumn !== NO_COLUMN && { response: responseColumn }),
    ...(flags.messagesColumn !== undefined && { messages: flags.messagesColumn }),
    ...(flags.idColumn !== undefined && { id: flags.idColumn }),
  }
}

/** Says on stderr what was guessed. */
export function note(text: string): void {
  process.stderr.write(`note: ${printable(text)}\n`)
}
