/** What a column is for. */
export type ColumnUse = 'prompt' | 'response' | 'messages' | 'id'

/** Names that data sets and logs give such columns, the likeliest first; upper and lower case are the same. */
export const COLUMN_NAMES: Readonly<Record<ColumnUse, readonly string[]>> = {
  messages: ['messages', 'conversation', 'conversations', 'chat', 'input_items'],
  prompt: [
    'prompt',
    'question',
    'instruction',
    'user_input',
    'user_prompt',
    'query',
    'input',
    'goal',
    'behavior',
    'text',
  ],
  response: [
    'response',
    'answer',
    'completion',
    'output',
    'reply',
    'model_output',
    'model_response',
    'generation',
  ],
  id: ['id', 'custom_id', 'uid', 'uuid', 'key', 'index'],
}

export const USUAL_NAMES: ReadonlySet<string> = new Set([
  ...COLUMN_NAMES.messages,
  ...COLUMN_NAMES.prompt,
  ...COLUMN_NAMES.response,
])
