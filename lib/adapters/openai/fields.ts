import { anything, figure, figures, list, type Rules, record, word, words } from '../known-fields.js'

/** Fields that both of OpenAI's APIs have. */

const DETAILS = figures(
  'cached_tokens',
  'audio_tokens',
  'text_tokens',
  'image_tokens',
  'reasoning_tokens',
  'accepted_prediction_tokens',
  'rejected_prediction_tokens',
  'cache_write_tokens',
  'video_tokens',
)

/** Figures of both, and of compatible servers (DeepSeek, Groq, OpenRouter, Mistral). */
export const USAGE = record({
  ...Object.fromEntries(
    [
      'prompt_tokens',
      'completion_tokens',
      'total_tokens',
      'input_tokens',
      'output_tokens',
      'reasoning_tokens',
      'prompt_cache_hit_tokens',
      'prompt_cache_miss_tokens',
      'prompt_audio_seconds',
      'queue_time',
      'prompt_time',
      'completion_time',
      'total_time',
      'cost',
      'is_byok',
      'num_search_queries',
    ].map((name) => [name, figure]),
  ),
  prompt_tokens_details: DETAILS,
  completion_tokens_details: DETAILS,
  input_tokens_details: DETAILS,
  output_tokens_details: DETAILS,
  cost_details: figures(
    'upstream_inference_cost',
    'upstream_inference_prompt_cost',
    'upstream_inference_completions_cost',
  ),
})

/** What servers write of their own failures. */
export const FAILURE = record(words('code', 'message', 'type', 'param', 'status'))

const FLAT_ANNOTATION: Rules = {
  ...words('type', 'title', 'url', 'file_id', 'filename', 'container_id'),
  start_index: figure,
  end_index: figure,
  index: figure,
}

/** Where a text has its sources from. */
export const ANNOTATION = record({ ...FLAT_ANNOTATION, url_citation: record(FLAT_ANNOTATION) })

/** Azure's filter, which says what it has found by names and degrees. */
const FILTER = record({
  ...words('severity'),
  filtered: figure,
  detected: figure,
  citation: record(words('URL', 'license')),
})
export const FILTERS = record({
  ...Object.fromEntries(
    [
      'hate',
      'self_harm',
      'sexual',
      'violence',
      'profanity',
      'jailbreak',
      'indirect_attack',
      'protected_material_text',
      'protected_material_code',
    ].map((name) => [name, FILTER]),
  ),
  error: FAILURE,
})

export const PROMPT_FILTERS = list(record({ prompt_index: figure, content_filter_results: FILTERS }))

export const IMAGES = list(
  record({ type: word, index: figure, image_url: record({ url: anything, detail: word }) }),
)
