import type { Unjudged } from '../../stream/events.js'
import { anything, figure, list, padding, type Rules, record, word, words } from '../known-fields.js'
import { ANNOTATION, FAILURE, USAGE } from './fields.js'

/** An event, item or part whose type is known. */
export interface Known {
  rules: Rules
  /** What it is, where it is not the reply's own text. */
  what?: Unjudged
  /** Speech: text that nobody has judged. It is left out. */
  speech?: true
  /** Fields that hold what a model or tool has written, to be judged where tool calls are. */
  payload?: readonly string[]
}

/** Fields of every event. */
const PLACE: Rules = {
  ...words('type', 'item_id', 'call_id', 'status'),
  ...Object.fromEntries(
    [
      'sequence_number',
      'output_index',
      'content_index',
      'summary_index',
      'annotation_index',
      'command_index',
      'partial_image_index',
    ].map((name) => [name, figure]),
  ),
  obfuscation: padding,
  // A helper of the SDK's adds what has come so far.
  snapshot: padding,
}

/** Parts of items, by type. The probabilities are looked at with the text. */
export const PARTS_KNOWN: Readonly<Record<string, Known>> = {
  output_text: {
    rules: { ...words('type'), text: anything, annotations: list(ANNOTATION), logprobs: anything },
  },
  text: { rules: { ...words('type'), text: anything, annotations: list(ANNOTATION) } },
  refusal: { rules: { ...words('type'), refusal: anything } },
  reasoning_text: { rules: { ...words('type'), text: anything } },
  summary_text: { rules: { ...words('type'), text: anything } },
  output_audio: { rules: words('type'), speech: true },
}

function called(payload: string[], more: readonly string[] = []): Known {
  return tool('tool-call', payload, more)
}

function returned(payload: string[], more: readonly string[] = []): Known {
  return tool('tool-result', payload, more)
}

function tool(what: Unjudged, payload: string[], more: readonly string[]): Known {
  const names = [
    'id',
    'type',
    'status',
    'call_id',
    'name',
    'namespace',
    'server_label',
    'approval_request_id',
    'created_by',
    'async',
  ]
  const ofPayload = Object.fromEntries(payload.map((name) => [name, anything]))
  const caller = record(words('type', 'caller_id'))
  return { rules: { ...words(...names, ...more), caller, ...ofPayload }, what, payload }
}

/** Items of a response's output, by type; those of messages and reasoning have parts. */
export const ITEMS: Readonly<Record<string, Known>> = {
  message: { rules: words('id', 'type', 'role', 'status', 'phase') },
  reasoning: { rules: words('id', 'type', 'status', 'encrypted_content') },
  compaction: { rules: words('id', 'type', 'encrypted_content', 'created_by') },
  image_generation_call: {
    rules: {
      ...words('id', 'type', 'status', 'action', 'background', 'output_format', 'quality', 'size'),
      result: anything,
      error: FAILURE,
      svg_usage: USAGE,
      revised_prompt: anything,
    },
    what: 'media',
    payload: ['revised_prompt'],
  },
  function_call: called(['arguments']),
  custom_tool_call: called(['input']),
  web_search_call: called(['action']),
  file_search_call: called(['queries', 'results']),
  computer_call: called(['action', 'actions', 'pending_safety_checks']),
  code_interpreter_call: called(['code', 'outputs'], ['container_id']),
  local_shell_call: called(['action']),
  shell_call: called(['action', 'environment']),
  apply_patch_call: called(['operation']),
  mcp_call: called(['arguments', 'output', 'error']),
  mcp_list_tools: called(['tools', 'error']),
  mcp_approval_request: called(['arguments']),
  mcp_approval_response: called(['reason'], ['approve']),
  tool_search_call: called(['arguments'], ['execution']),
  program: called(['code'], ['fingerprint']),
  function_call_output: returned(['output']),
  custom_tool_call_output: returned(['output']),
  computer_call_output: returned(['output', 'acknowledged_safety_checks']),
  local_shell_call_output: returned(['output']),
  shell_call_output: returned(['output'], ['max_output_length']),
  apply_patch_call_output: returned(['output']),
  tool_search_output: returned(['tools'], ['execution']),
  program_output: returned(['result']),
  additional_tools: returned(['tools'], ['role']),
}

/** What a response says of itself. Much of it repeats the request, which is the caller's own. */
export const RESPONSE: Rules = {
  ...words('id', 'object', 'created_at', 'completed_at', 'status', 'model', 'previous_response_id'),
  ...words('service_tier', 'truncation', 'user', 'safety_identifier'),
  ...words('prompt_cache_key', 'prompt_cache_retention', 'background', 'parallel_tool_calls', 'store'),
  ...words('max_output_tokens', 'max_tool_calls', 'temperature', 'top_p', 'top_logprobs'),
  ...words('frequency_penalty', 'presence_penalty'),
  error: FAILURE,
  incomplete_details: record(words('reason')),
  conversation: record(words('id')),
  usage: USAGE,
  instructions: anything,
  metadata: anything,
  prompt: anything,
  reasoning: anything,
  text: anything,
  tool_choice: anything,
  tools: anything,
  // A helper of the SDK's adds it: a copy of all text.
  output_text: padding,
}

const plain: Known = { rules: PLACE }
const lifecycle: Known = { rules: { ...PLACE, response: anything } }
const item: Known = { rules: { ...PLACE, item: anything } }
const part: Known = { rules: { ...PLACE, part: anything } }
const speech: Known = { rules: PLACE, speech: true }

function event(known: Known | Unjudged, fields: string[], more: Rules = {}): Known {
  const rules = { ...PLACE, ...Object.fromEntries(fields.map((name) => [name, anything])), ...more }
  return typeof known === 'string' ? { rules, what: known, payload: fields } : { ...known, rules }
}

function states(name: string, ...list: string[]): Record<string, Known> {
  return Object.fromEntries(list.map((state) => [`response.${name}.${state}`, plain]))
}

/** Events, by type. What has the reply's text, items or parts is taken apart further. */
export const EVENTS: Readonly<Record<string, Known>> = {
  'response.created': lifecycle,
  'response.queued': lifecycle,
  'response.in_progress': lifecycle,
  'response.completed': lifecycle,
  'response.failed': lifecycle,
  'response.incomplete': lifecycle,
  keepalive: plain,
  ping: plain,
  error: { rules: { ...PLACE, ...words('code', 'message', 'param'), error: FAILURE } },
  'response.output_item.added': item,
  'response.output_item.done': item,
  'response.content_part.added': part,
  'response.content_part.done': part,
  'response.reasoning_summary_part.added': part,
  'response.reasoning_summary_part.done': part,
  'response.reasoning_part.added': part,
  'response.reasoning_part.done': part,
  'response.output_text.annotation.added': { rules: { ...PLACE, annotation: ANNOTATION } },
  'response.function_call_arguments.delta': event('tool-call', ['delta']),
  'response.function_call_arguments.done': event('tool-call', ['arguments'], { name: word }),
  'response.custom_tool_call_input.delta': event('tool-call', ['delta']),
  'response.custom_tool_call_input.done': event('tool-call', ['input']),
  'response.mcp_call_arguments.delta': event('tool-call', ['delta']),
  'response.mcp_call_arguments.done': event('tool-call', ['arguments'], { name: word }),
  'response.code_interpreter_call_code.delta': event('tool-call', ['delta']),
  'response.code_interpreter_call_code.done': event('tool-call', ['code']),
  'response.shell_call_command.added': event('tool-call', ['command']),
  'response.shell_call_command.delta': event('tool-call', ['delta']),
  'response.shell_call_command.done': event('tool-call', ['command']),
  'response.shell_call_output_content.delta': event('tool-result', ['delta']),
  'response.shell_call_output_content.done': event('tool-result', ['output']),
  'response.image_generation_call.partial_image': {
    rules: {
      ...PLACE,
      ...words('background', 'output_format', 'quality', 'size'),
      partial_image_b64: anything,
    },
    what: 'media',
  },
  ...states('mcp_call', 'in_progress', 'completed', 'failed'),
  ...states('mcp_list_tools', 'in_progress', 'completed', 'failed'),
  ...states('web_search_call', 'in_progress', 'searching', 'completed'),
  ...states('file_search_call', 'in_progress', 'searching', 'completed'),
  ...states('code_interpreter_call', 'in_progress', 'interpreting', 'completed'),
  ...states('image_generation_call', 'in_progress', 'generating', 'completed'),
  ...states('compaction', 'compacting'),
  'response.audio.delta': speech,
  'response.audio.done': speech,
  'response.audio.transcript.delta': speech,
  'response.audio.transcript.done': speech,
  'response.audio_transcript.delta': speech,
  'response.audio_transcript.done': speech,
  'response.output_audio.delta': speech,
  'response.output_audio.done': speech,
  'response.output_audio_transcript.delta': speech,
  'response.output_audio_transcript.done': speech,
}

/** What of the event of a text passes beside its text. */
export const TEXT_EVENT: Rules = { ...PLACE, logprobs: anything }

export function known(table: Readonly<Record<string, Known>>, type: unknown): Known | undefined {
  return typeof type === 'string' && Object.hasOwn(table, type) ? table[type] : undefined
}
