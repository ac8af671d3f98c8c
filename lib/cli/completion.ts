import { Argument, type Command, type Option } from 'commander'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

const HELP = `
Put the script where your shell looks for it:
  $ qwen3guard completion bash > ~/.local/share/bash-completion/completions/qwen3guard
  $ qwen3guard completion zsh > "\${fpath[1]}/_qwen3guard"
  $ qwen3guard completion fish > ~/.config/fish/completions/qwen3guard.fish`

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a script by which a shell completes commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => {
      process.stdout.write(WRITERS[shell](commandsOf(program)))
    })
}

interface CommandWords {
  name: string
  description: string
  options: OptionWords[]
}

interface OptionWords {
  /** `--out`, and `-m` where there is one. */
  flags: string[]
  description: string
  /** Whether a value follows; `choices` where it is one of a few. */
  value: boolean
  choices: string[]
}

function commandsOf(program: Command): CommandWords[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: [
      ...command.options.map(optionOf),
      { flags: ['--help'], description: 'show help', value: false, choices: [] },
    ],
  }))
}

function optionOf({ long, short, description, required, optional, argChoices }: Option): OptionWords {
  return {
    flags: [long, short].filter((flag): flag is string => Boolean(flag)),
    description,
    value: required || optional,
    choices: argChoices ?? [],
  }
}

const WRITERS: Record<Shell, (commands: CommandWords[]) => string> = { bash, zsh, fish }

function bash(commands: CommandWords[]): string {
  const names = commands.map(({ name }) => name).join(' ')
  const words = commands.map(
    ({ name, options }) => `        ${name}) words='${options.flatMap(({ flags }) => flags).join(' ')}' ;;`,
  )
  const choices = commands.flatMap(({ name, options }) =>
    options
      .filter((option) => option.choices.length > 0)
      .map(({ flags, choices }) => {
        const patterns = flags.map((flag) => `${name}:${flag}`).join('|')
        return `    ${patterns}) COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur")); return ;;`
      }),
  )
  return `# bash completion for qwen3guard
_qwen3guard() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" words=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${names}' -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]}:$prev" in
${choices.join('\n')}
  esac
  case "$cur" in
    -*)
      case "\${COMP_WORDS[1]}" in
${words.join('\n')}
      esac
      COMPREPLY=($(compgen -W "$words" -- "$cur"))
      return ;;
  esac
  COMPREPLY=($(compgen -f -- "$cur"))
}
complete -o filenames -F _qwen3guard qwen3guard
`
}

function zsh(commands: CommandWords[]): string {
  const text = (description: string) => description.replace(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''")
  const described = commands.map(({ name, description }) => `    '${name}:${text(description)}'`)
  const cases = commands.map(({ name, options }) => {
    const specs = options.flatMap(({ flags, description, value, choices }) => {
      const of = choices.length > 0 ? `(${choices.join(' ')})` : '_files'
      return flags.map((flag) => `'${flag}[${text(description)}]${value ? `:value:${of}` : ''}'`)
    })
    return `    ${name}) _arguments ${specs.join(' ')} '*:file:_files' ;;`
  })
  return `#compdef qwen3guard
_qwen3guard() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join('\n')}
  esac
}
compdef _qwen3guard qwen3guard
`
}

function fish(commands: CommandWords[]): string {
  const text = (description: string) => description.replace(/[\\']/g, '\\$&')
  const lines = commands.flatMap(({ name, description, options }) => [
    `complete -c qwen3guard -n __fish_use_subcommand -f -a ${name} -d '${text(description)}'`,
    ...options.map(({ flags, description, value, choices }) => {
      const words = flags.map((flag) =>
        flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
      )
      const of = choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : value ? ' -r' : ''
      return `complete -c qwen3guard -n '__fish_seen_subcommand_from ${name}' ${words.join(' ')}${of} -d '${text(description)}'`
    }),
  ])
  return `# fish completion for qwen3guard\n${lines.join('\n')}\n`
}
