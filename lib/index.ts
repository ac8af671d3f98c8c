export {
  AddonLoadError,
  DecodeError,
  GenFormatError,
  GuardBusyError,
  GuardClosedError,
  GuardError,
  type GuardErrorCode,
  MemoryError,
  ModelFileError,
  ModelKindError,
  TemplateError,
  TooLongError,
} from './errors.js'
export {
  type ClassifyAllOptions,
  type ClassifyOptions,
  GenGuard,
  type GenUsage,
  type GenVerdict,
  type GenWindow,
} from './gen/guard.js'
export { type GenAnswer, parseGen } from './gen/parse.js'
export type { GenScores } from './gen/scores.js'
export { CATEGORIES, SAFETIES } from './labels.js'
export { type Action, type Explanation, explain, type JudgedVerdict, type Policy } from './policy.js'
export { type ClassifyPromptOptions, type OpenOptions, StreamGuard } from './stream/guard.js'
export type { ModerateOptions, ModerationEvent } from './stream/moderate.js'
export { Moderation } from './stream/moderation.js'
export type { HoldBack } from './stream/release.js'
export type {
  Category,
  Gpu,
  GuardStats,
  Input,
  KvType,
  LoadOptions,
  LogLevel,
  Message,
  Safety,
} from './types.js'
export type { PromptVerdict, ReplyVerdict, TokenVerdict } from './verdict.js'
