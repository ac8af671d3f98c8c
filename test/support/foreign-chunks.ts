/** What the APIs of language models stream, one of each kind: whole, as their own adapters would get it, and as others must not. */

type Sample = unknown

const at = { item_id: 'item', output_index: 0, content_index: 0, sequence_number: 1 }
const logprobs = [
  { token: 'token', logprob: -1, bytes: [116], top_logprobs: [{ token: 'other', logprob: -2, bytes: null }] },
]
const chat = (choice: object, more: object = {}) => ({
  id: 'chatcmpl',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'model',
  system_fingerprint: 'fp',
  service_tier: 'default',
  choices: [{ index: 0, finish_reason: null, ...choice }],
  ...more,
})
const delta = (fields: object, more: object = {}) => chat({ delta: fields, ...more })

export const CHAT: Sample[] = [
  delta({ role: 'assistant', content: '' }),
  delta({ content: 'text' }),
  delta({ content: 'text' }, { logprobs: { content: logprobs, refusal: null } }),
  delta({ refusal: 'text' }),
  delta({ reasoning_content: 'text', reasoning: 'text' }),
  delta({ reasoning: 'text', reasoning_details: [{ type: 'reasoning.text', text: 'text', signature: 's' }] }),
  delta({ content: [{ type: 'text', text: 'text' }] }),
  delta({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'text' }] }] }),
  delta({
    content: [
      { type: 'reference', reference_ids: ['1', 2] },
      { type: 'text', text: 'text' },
    ],
  }),
  delta({ content: [{ type: 'image_url', image_url: { url: 'data:', detail: 'low' } }] }),
  delta({ content: [{ type: 'tool_file', tool: 'x', file_name: 'y' }] }),
  delta({
    tool_calls: [{ index: 0, id: 'call', type: 'function', function: { name: 'f', arguments: '{"a":' } }],
  }),
  delta({ tool_calls: [{ index: 0, function: { arguments: '"b"}' } }] }),
  delta({ tool_calls: [{ index: 1, id: 'call', type: 'custom', custom: { name: 'f', input: 'text' } }] }),
  delta({ function_call: { name: 'f', arguments: '{}' } }),
  delta({ audio: { id: 'audio', data: 'AAAA', transcript: 'text', expires_at: 1 } }),
  delta({ images: [{ type: 'image_url', index: 0, image_url: { url: 'data:' } }] }),
  delta({
    annotations: [
      { type: 'url_citation', url_citation: { url: 'u', title: 't', content: 'text', start_index: 0 } },
    ],
  }),
  delta({ thinking_blocks: [{ thinking: 'text' }], provider_specific_fields: { citation: 'text' } }),
  chat({ delta: {}, finish_reason: 'stop', native_finish_reason: 'stop', stop_reason: 'end' }),
  chat(
    { delta: { content: 'text' } },
    {
      __verbose: { content: 'text', generation_settings: { grammar: 'text' } },
      note: 'text',
      timings: { prompt_n: 1 },
    },
  ),
  {
    ...chat({}),
    choices: [],
    usage: { prompt_tokens: 1, total_tokens: 2, prompt_tokens_details: { cached_tokens: 0 }, note: 'text' },
  },
  {
    ...chat({}),
    choices: [],
    prompt_filter_results: [
      { prompt_index: 0, content_filter_results: { hate: { filtered: false, severity: 'safe' } } },
    ],
  },
  chat(
    { delta: { content: '' } },
    {
      citations: ['https://'],
      search_results: [{ title: 't', url: 'u', snippet: 'text' }],
      x_groq: { id: 'id' },
    },
  ),
  { error: { message: 'message', code: 500 }, id: 'chatcmpl', choices: [] },
  // Whole, and of the older API.
  {
    id: 'x',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'text' }, finish_reason: 'stop' }],
  },
  { id: 'x', object: 'text_completion', choices: [{ index: 0, text: 'text', finish_reason: null }] },
]

const part = { type: 'output_text', text: 'text', annotations: [], logprobs }
const message = { id: 'msg', type: 'message', role: 'assistant', status: 'completed', content: [part] }
const items: object[] = [
  message,
  { id: 'msg', type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'text' }] },
  {
    id: 'rs',
    type: 'reasoning',
    summary: [{ type: 'summary_text', text: 'text' }],
    content: [{ type: 'reasoning_text', text: 'text' }],
    encrypted_content: 'sealed',
  },
  { id: 'fc', type: 'function_call', call_id: 'c', name: 'f', arguments: '{}', status: 'completed' },
  { id: 'ct', type: 'custom_tool_call', call_id: 'c', name: 'f', input: 'text' },
  {
    id: 'ws',
    type: 'web_search_call',
    status: 'completed',
    action: { type: 'search', query: 'text', queries: ['text'] },
  },
  { id: 'fs', type: 'file_search_call', queries: ['text'], results: [{ filename: 'f', text: 'text' }] },
  {
    id: 'ci',
    type: 'code_interpreter_call',
    code: 'text',
    container_id: 'c',
    outputs: [{ type: 'logs', logs: 'text' }],
  },
  { id: 'ig', type: 'image_generation_call', result: 'AAAA', revised_prompt: 'text', status: 'completed' },
  {
    id: 'cc',
    type: 'computer_call',
    call_id: 'c',
    action: { type: 'type', text: 'text' },
    pending_safety_checks: [],
  },
  {
    id: 'mc',
    type: 'mcp_call',
    name: 'f',
    server_label: 's',
    arguments: '{}',
    output: 'text',
    error: { content: 'text' },
  },
  {
    id: 'ml',
    type: 'mcp_list_tools',
    server_label: 's',
    tools: [{ name: 'f', description: 'text', input_schema: {} }],
  },
  { id: 'so', type: 'shell_call_output', call_id: 'c', output: [{ stdout: 'text', stderr: '' }] },
  { id: 'cp', type: 'compaction', encrypted_content: 'sealed' },
  { id: 'nt', type: 'new_thing', body: 'text' },
]
const response = (more: object = {}) => ({
  id: 'resp',
  object: 'response',
  created_at: 1,
  model: 'model',
  status: 'completed',
  output: [message],
  output_text: 'text',
  error: null,
  incomplete_details: { reason: 'max_output_tokens' },
  instructions: 'the request',
  metadata: { key: 'the request' },
  tools: [{ type: 'function', name: 'f', description: 'the request' }],
  usage: { input_tokens: 1, output_tokens: 2, output_tokens_details: { reasoning_tokens: 0 } },
  moderation: { note: 'text' },
  ...more,
})

export const RESPONSES: Sample[] = [
  { type: 'response.created', sequence_number: 0, response: response({ output: [], output_text: '' }) },
  { type: 'response.completed', sequence_number: 9, response: response({ output: items.slice(0, 8) }) },
  { type: 'response.incomplete', sequence_number: 9, response: response() },
  ...items.flatMap((item) => [
    { type: 'response.output_item.added', ...at, item },
    { type: 'response.output_item.done', ...at, item },
  ]),
  { type: 'response.content_part.added', ...at, part: { ...part, text: '' } },
  { type: 'response.content_part.done', ...at, part },
  {
    type: 'response.content_part.done',
    ...at,
    part: { type: 'output_audio', data: 'AAAA', transcript: 'text' },
  },
  { type: 'response.content_part.added', ...at, part: { type: 'new_part', text: 'text' } },
  {
    type: 'response.output_text.delta',
    ...at,
    delta: 'text',
    logprobs,
    obfuscation: 'xyz',
    snapshot: 'text',
  },
  { type: 'response.output_text.delta', ...at, delta: 'text' },
  { type: 'response.output_text.done', ...at, text: 'text', logprobs },
  {
    type: 'response.output_text.annotation.added',
    ...at,
    annotation: { type: 'url_citation', url: 'u', title: 't', quote: 'text' },
  },
  { type: 'response.refusal.delta', ...at, delta: 'text' },
  { type: 'response.refusal.done', ...at, refusal: 'text' },
  { type: 'response.reasoning_text.delta', ...at, delta: 'text' },
  { type: 'response.reasoning_text.done', ...at, text: 'text' },
  {
    type: 'response.reasoning_summary_part.added',
    ...at,
    summary_index: 0,
    part: { type: 'summary_text', text: '' },
  },
  { type: 'response.reasoning_summary_text.delta', ...at, summary_index: 0, delta: 'text' },
  { type: 'response.reasoning_summary_text.done', ...at, summary_index: 0, text: 'text' },
  { type: 'response.function_call_arguments.delta', ...at, delta: '{"a"' },
  { type: 'response.function_call_arguments.done', ...at, arguments: '{}', name: 'f' },
  { type: 'response.custom_tool_call_input.delta', ...at, delta: 'text' },
  { type: 'response.custom_tool_call_input.done', ...at, input: 'text' },
  { type: 'response.mcp_call_arguments.delta', ...at, delta: 'text' },
  { type: 'response.code_interpreter_call_code.delta', ...at, delta: 'text' },
  { type: 'response.code_interpreter_call_code.done', ...at, code: 'text' },
  { type: 'response.shell_call_command.delta', ...at, delta: 'text' },
  { type: 'response.shell_call_output_content.delta', ...at, delta: { stdout: 'text' } },
  { type: 'response.web_search_call.searching', ...at, query: 'text' },
  {
    type: 'response.image_generation_call.partial_image',
    ...at,
    partial_image_b64: 'AAAA',
    partial_image_index: 0,
  },
  { type: 'response.audio.delta', delta: 'AAAA' },
  { type: 'response.audio.transcript.delta', delta: 'text' },
  { type: 'response.output_audio_transcript.done', ...at, transcript: 'text' },
  { type: 'response.thoughts.delta', ...at, delta: 'text' },
  { type: 'response.new_thing.added', item: { type: 'x', body: 'text' } },
  { type: 'error', code: 'code', message: 'message', param: null },
]

const providerMetadata = {
  test: { signature: 'sealed', itemId: 'id', note: 'text', logprobs: [{ token: 'text' }] },
}
const usage = { inputTokens: { total: 1 }, outputTokens: { total: 2 }, raw: { note: 'text' } }

/** Of models ('delta') and of streamText ('text'). */
export const AI_SDK = (field: 'delta' | 'text'): Sample[] => [
  { type: 'stream-start', warnings: [{ type: 'other', message: 'message' }] },
  { type: 'response-metadata', id: 'id', modelId: 'model', body: 'text' },
  { type: 'start' },
  { type: 'start-step', request: { body: 'the request' }, warnings: [] },
  { type: 'text-start', id: '0', note: 'text' },
  { type: 'text-delta', id: '0', [field]: 'text', providerMetadata },
  {
    type: 'text-end',
    id: '0',
    providerMetadata,
    citations: [
      { type: 'document', citedText: 'text', source: { type: 'source', id: 's', url: 'u', title: 't' } },
    ],
  },
  { type: 'reasoning-start', id: 'r', providerMetadata },
  { type: 'reasoning-delta', id: 'r', [field]: 'text', note: 'text' },
  { type: 'reasoning-end', id: 'r' },
  { type: 'tool-input-start', id: 'call', toolName: 'f' },
  { type: 'tool-input-delta', id: 'call', delta: '{"a":' },
  { type: 'tool-input-end', id: 'call' },
  {
    type: 'tool-call',
    toolCallId: 'call',
    toolName: 'f',
    input: field === 'delta' ? '{"a":' : { a: 'text' },
  },
  {
    type: 'tool-result',
    toolCallId: 'call',
    toolName: 'f',
    input: { a: 'text' },
    output: { note: 'text' },
    result: 'text',
  },
  { type: 'tool-error', toolCallId: 'call', toolName: 'f', input: 'text', error: 'text' },
  {
    type: 'tool-approval-request',
    approvalId: 'a',
    toolCall: { toolName: 'f', input: { a: 'text' } },
    reason: 'text',
  },
  { type: 'source', sourceType: 'url', id: 's', url: 'u', title: 't', snippet: 'text' },
  { type: 'file', mediaType: 'image/png', data: 'AAAA', file: { base64: 'AAAA' } },
  { type: 'reasoning-file', mediaType: 'image/png', data: 'AAAA' },
  { type: 'custom', kind: 'a.b', providerMetadata, note: 'text' },
  {
    type: 'finish-step',
    response: { id: 'id', body: 'text' },
    usage,
    finishReason: 'stop',
    providerMetadata,
    performance: { stepTimeMs: 1 },
  },
  {
    type: 'finish',
    finishReason: { unified: 'stop', raw: 'stop' },
    usage,
    totalUsage: usage,
    providerMetadata,
  },
  { type: 'raw', rawValue: { note: 'text' } },
  { type: 'new-part', note: 'text' },
]

/** Of `generateText`'s models. */
export const CONTENTS: Sample[] = [
  { type: 'text', text: 'text', providerMetadata, citations: [] },
  { type: 'reasoning', text: 'text', note: 'text' },
  { type: 'file', mediaType: 'image/png', data: 'AAAA' },
  { type: 'source', sourceType: 'url', id: 's', url: 'u', title: 't' },
  { type: 'tool-call', toolCallId: 'call', toolName: 'f', input: '{"a":"text"}' },
  { type: 'tool-result', toolCallId: 'call', toolName: 'f', result: { note: 'text' } },
  { type: 'new-content', text: 'text' },
]

/** Of other APIs, and of none. */
export const FOREIGN: Sample[] = [
  // Anthropic
  { type: 'message_start', message: { id: 'm', role: 'assistant', content: [], model: 'model' } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'text' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'text' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: 'text' } },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
  // Ollama
  {
    model: 'model',
    created_at: 'now',
    message: { role: 'assistant', content: 'text', thinking: 'text' },
    done: false,
  },
  { model: 'model', response: 'text', done: true },
  // Gemini
  { candidates: [{ content: { parts: [{ text: 'text' }], role: 'model' } }], responseId: 'id' },
  // The AI SDK's for interfaces
  { type: 'start', messageId: 'm', messageMetadata: { note: 'text' } },
  { type: 'text-delta', id: '0', delta: 'text', text: 'text' },
  { type: 'tool-input-available', toolCallId: 'c', toolName: 'f', input: { a: 'text' } },
  { type: 'tool-output-available', toolCallId: 'c', output: 'text' },
  { type: 'data-note', data: { note: 'text' } },
  { type: 'source-url', sourceId: 's', url: 'u' },
  { type: 'error', errorText: 'text' },
  // Server-sent events that nobody has parsed
  'data: {"choices":[{"delta":{"content":"text"}}]}\n\n',
  new TextEncoder().encode('data: text'),
  Object.assign({}, 'data: text'),
  null,
  undefined,
  5,
  true,
  [],
  ['text'],
  {},
  { delta: 'text' },
  { choices: null, note: 'text' },
  { choices: 'text' },
  { choices: [null] },
  { choices: ['text'] },
  { type: 5, text: 'text' },
]
