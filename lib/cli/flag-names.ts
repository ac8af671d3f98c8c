/** Flags of the command line by the names that options have in the API. */
const FLAGS: Readonly<Record<string, string>> = {
  model: '--model',
  threads: '--threads',
  contextSize: '--context-size',
  maxSequences: '--max-sequences',
  kvType: '--kv-type',
  flashAttention: '--flash-attention',
  deterministic: '--deterministic',
  gpu: '--gpu',
  device: '--device',
  gpuLayers: '--gpu-layers',
  chatTemplate: '--chat-template',
  logLevel: '--log-level',
  tooLong: '--too-long',
  history: '--history',
  type: '--type',
  deleteCheckpoint: '--delete-checkpoint',
}

const NAMES = Object.keys(FLAGS).join('|')
/** `kvType: 'q8_0'`, kvType 'q8_0', `gpu: false`. */
const SETTING = new RegExp(`\`?(?<![\\w./\\\\-])(${NAMES}):? ('[\\w-]+'|true|false)(?![\\w./\\\\-])\`?`, 'g')
/** `threads` in backticks; contextSize, which is no word of English, without them as well. */
const QUOTED = new RegExp(`\`(${NAMES})\``, 'g')
const BARE = new RegExp(
  `(?<![\\w./\\\\-])(${Object.keys(FLAGS)
    .filter((name) => /[A-Z]/.test(name))
    .join('|')})(?![\\w./\\\\-])`,
  'g',
)
const VALUES: Readonly<Record<string, string>> = { true: 'on', false: 'off' }

/** A message of the API in the words of the command line. */
export function inFlags(message: string): string {
  return message
    .replace(SETTING, (_, name: string, value: string) => {
      return `${FLAGS[name]} ${VALUES[value] ?? value.slice(1, -1)}`
    })
    .replace(QUOTED, (_, name: string) => `${FLAGS[name]}`)
    .replace(BARE, (name) => FLAGS[name] as string)
    .replace(/\bload with a larger --/g, 'give a larger --')
    .replace(/: load it with GenGuard/g, ': judge with it by `qwen3guard check`')
    .replace(/: load it with StreamGuard/g, ': judge with it by `qwen3guard check` or `qwen3guard stream`')
    .replace(/\bGenGuard needs\b/g, 'This needs')
    .replace(/\bStreamGuard needs\b/g, '`qwen3guard stream` needs')
}
