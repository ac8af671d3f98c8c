export { createApp, type ServerApp } from './app.js'
export type { ErrorBody, ModerationDetails } from './errors.js'
export type {
  CheckEnd,
  CheckStart,
  RequestEnd,
  RequestStart,
  ServerObserver,
  StreamEnd,
  StreamStart,
} from './observer.js'
export type {
  LimitOptions,
  LogLine,
  ReplyOptions,
  ServedGen,
  ServedStream,
  ServerOptions,
  UpstreamOptions,
} from './options.js'
