export type { ForeignInput } from './messages.js'
export type { AdapterOptions, BlockEvent, Moderator } from './moderator.js'
export { type ChatChunk, type ChatOptions, moderateChat } from './openai-chat.js'
export { moderateResponse, type ResponseEvent } from './openai-responses.js'
