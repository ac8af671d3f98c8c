import { anything, figure, figures, list, padding, type Rules, record, word, words } from '../known-fields.js'
import { ANNOTATION, FAILURE, FILTERS, PROMPT_FILTERS, USAGE } from './fields.js'

/** What passes of a chunk besides its choices: OpenAI's fields and those of compatible servers. */
export const ENVELOPE: Rules = {
  ...words('id', 'object', 'created', 'model', 'system_fingerprint', 'service_tier', 'provider'),
  usage: USAGE,
  error: FAILURE,
  prompt_filter_results: PROMPT_FILTERS,
  citations: list(word),
  search_results: list(record(words('title', 'url', 'date', 'last_updated'))),
  x_groq: record({ id: word, usage: USAGE, error: word }),
  timings: figures(
    'cache_n',
    'prompt_n',
    'prompt_ms',
    'prompt_per_token_ms',
    'prompt_per_second',
    'predicted_n',
    'predicted_ms',
    'predicted_per_token_ms',
    'predicted_per_second',
    'draft_n',
    'draft_n_accepted',
  ),
  time_info: figures('queue_time', 'prompt_time', 'completion_time', 'total_time', 'created'),
  obfuscation: padding,
  p: padding,
}

/** What passes of a choice, when nothing more of it comes or beside the rest of its delta. */
export const CHOICE: Rules = {
  ...words('native_finish_reason', 'stop_reason', 'matched_stop'),
  seed: figure,
  content_filter_results: FILTERS,
  content_filter_offsets: figures('check_offset', 'start_offset', 'end_offset'),
  error: FAILURE,
}

/** What passes of a delta beside its texts, which are taken out before. */
export const DELTA: Rules = {
  annotations: list(ANNOTATION),
}

export const ROLES = new Set<unknown>(['assistant', 'developer', 'system', 'user', 'tool', 'function'])

const CALLED = record({ name: word, arguments: anything, input: anything })

/** What passes of a tool call; its arguments are judged, announced or refused. */
export const TOOL_CALL: Rules = {
  ...words('id', 'type'),
  index: figure,
  function: CALLED,
  custom: CALLED,
  extra_content: record({ google: record(words('thought_signature')) }),
}
export const FUNCTION_CALL: Rules = { name: word, arguments: anything }

/** Parts of contents that are lists, as Mistral writes them, besides those that are text. */
export const REFERENCE: Rules = { type: word, reference_ids: list(word) }
