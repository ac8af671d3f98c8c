export {
  AddonLoadError,
  BackendError,
  DecodeError,
  DiskSpaceError,
  DownloadError,
  GenFormatError,
  GuardBusyError,
  GuardClosedError,
  GuardError,
  type GuardErrorCode,
  GuardUnavailableError,
  MemoryError,
  ModelFileError,
  ModelKindError,
  QueueError,
  RowTimeoutError,
  TemplateError,
  TooLongError,
  UnknownChunkError,
} from './errors.js'
export {
  type ClassifyAllOptions,
  type ClassifyOptions,
  GenGuard,
  type GenUsage,
  type GenVerdict,
  type GenWindow,
  type TooLong,
} from './gen/guard.js'
export { type GenAnswer, parseGen } from './gen/parse.js'
export type { GenScores } from './gen/scores.js'
export type { HistoryTooLong } from './history.js'
export type { UnsupportedParts } from './input.js'
export type { Category, Safety } from './labels.js'
export { CATEGORIES, SAFETIES } from './labels.js'
export { type PulledModel, pullModel } from './models/hub/pull.js'
export type { PullOptions, PullProgress } from './models/hub/pull-options.js'
export type { InstalledModel } from './models/installed.js'
export { type Action, type Explanation, explain, type JudgedVerdict, type Policy } from './policy.js'
export { splitReasoning } from './reasoning.js'
export {
  guardOnlyReward,
  hybridReward,
  type JudgedItem,
  type Reward,
  type RewardGuard,
  type RewardItem,
  type RewardOptions,
} from './reward.js'
export { applyPolicy, type PolicyOutcome } from './stream/apply-policy.js'
export { Conversation, type ConversationOptions } from './stream/conversation.js'
export type { ModerationEvent, PromptUsage, Unjudged } from './stream/events.js'
export { ReplyBlockedError } from './stream/events.js'
export { type ClassifyPromptOptions, StreamGuard } from './stream/guard.js'
export type { ModerateOptions } from './stream/moderate.js'
export { Moderation } from './stream/moderation.js'
export type { OpenOptions } from './stream/open-options.js'
export type { HoldBack } from './stream/release.js'
export type { ReplyTooLong } from './stream/reply/cache.js'
export type { ReplyStream } from './stream/reply/source.js'
export type { PromptVerdict, ReplyVerdict, TokenVerdict } from './stream/verdict.js'
export type {
  Determinism,
  ForeignMessage,
  Gpu,
  GuardDevice,
  GuardStats,
  GuardTickTimes,
  Input,
  KvType,
  LoadOptions,
  LogLevel,
  Message,
} from './types.js'
