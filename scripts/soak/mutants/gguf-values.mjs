// Values for mutants of a GGUF: what trips readers up.
/** What makes lengths, counts and types go wrong, as strings: JSON has no whole numbers above 2^53. */
export const ODD = [
  ...['0', '1', '2', '3', '31', '32', '33', '63', '64', '255', '256', '257', '65535', '65536', '-1', '-2'],
  ...['2147483647', '2147483648', '4294967295', '4294967296', '4294967297', '1099511627776'],
  ...['9007199254740991', '9007199254740992', '4611686018427387904', '9223372036854775807'],
  ...['9223372036854775808', '18446744073709551584', '18446744073709551615'],
]

/** Keys that llama.cpp or this package reads, whether a Qwen3Guard has them or not. */
export const READ_KEYS = [
  ...[
    'expert_count',
    'expert_used_count',
    'nextn_predict_layers',
    'embedding_length_out',
    'pooling_type',
  ].map(own),
  ...['attention.sliding_window', 'attention.key_length_swa', 'attention.causal', 'attention.head_count'].map(
    own,
  ),
  ...['attention.head_count_kv', 'attention.key_length', 'attention.value_length', 'vocab_size'].map(own),
  ...['rope.scaling.type', 'rope.scaling.factor', 'rope.dimension_count', 'rope.freq_base'].map(own),
  ...['rope.dimension_sections', 'leading_dense_block_count', 'logit_scale', 'residual_scale'].map(own),
  ...['attention.layer_norm_rms_epsilon', 'attention.clamp_kqv', 'attention.max_alibi_bias'].map(own),
  ...['context_length', 'embedding_length', 'block_count', 'feed_forward_length', 'tensor_data_layout'].map(
    own,
  ),
  ...['classifier.output_labels', 'use_parallel_residual', 'decoder_start_token_id'].map(own),
  ...['general.alignment', 'general.type', 'general.architecture', 'general.name', 'general.file_type'],
  ...['general.quantization_version', 'general.license', 'split.no', 'split.count', 'split.tensors.count'],
  ...[
    'scores',
    'token_type_count',
    'precompiled_charsmap',
    'bos_token_id',
    'eot_token_id',
    'eos_token_id',
  ].map(tok),
  ...['eom_token_id', 'fim_pre_token_id', 'suppress_tokens', 'add_bos_token', 'add_eos_token'].map(tok),
  ...['normalizer.lowercase', 'remove_extra_whitespaces', 'model', 'pre', 'padding_token_id', 'hf_json'].map(
    tok,
  ),
  ...['tokens', 'token_type', 'merges'].map(tok),
  ...[
    'tokenizer.chat_template',
    'tokenizer.chat_templates',
    'tokenizer.chat_template.tool_use',
    'adapter.type',
  ],
  ...['variant', 'schema_version', 'head_size', 'demonstration'].map((name) => `qwen3guard.${name}`),
  ...['query.risk_labels', 'query.category_labels', 'response.risk_labels', 'response.category_labels'].map(
    (name) => `qwen3guard.${name}`,
  ),
]
export const VALUES = [
  ...ODD.flatMap((value) => [
    ['uint32', value],
    ['uint64', value],
    ['int32', value],
  ]),
  ...[
    ['uint8', 1],
    ['int8', -1],
    ['uint16', 0],
    ['uint16', 2],
    ['int16', -1],
    ['int64', '-1'],
    ['bool', true],
    ['bool', false],
    ['string', ''],
    ['string', 'qwen3'],
    ['string', 'gen\0stream'],
    ['string', 'phi-3'],
    ['string', 'linear'],
    ['string', 'yarn'],
    ['float32', 'NaN'],
    ['float32', 'Infinity'],
    ['float32', -1],
    ['float32', 0],
    ['float32', 1e-38],
    ['float64', 1e300],
    ['string[]', []],
    ['string[]', ['a', 'a']],
    ['uint32[]', [1, 2, 3, 4]],
    ['uint32[]', []],
    ['int32[]', [-5, 999999]],
    ['uint8[]', [255, 255, 255, 255, 1]],
    ['float32[]', [1]],
    ['bool[]', [true, false]],
  ],
]
export const LABEL_KEYS = ['query', 'response'].flatMap((group) =>
  ['risk', 'category'].map((kind) => `qwen3guard.${group}.${kind}_labels`),
)
export const SPELLINGS = [
  ...[
    '',
    'a',
    '\0',
    'a\0b',
    '<|im_end|>',
    '<|endoftext|>',
    '<',
    '<|',
    ' ',
    '\n',
    'Ġ',
    'é',
    '漢字',
    '\u{1F600}',
  ],
  ...['\u0301', '\uFDD0', 'x'.repeat(4096), 'x'.repeat(4097), 'y'.repeat(70000), '[PAD1]', '<0x00>', '▁'],
]
/** Bytes that are no UTF-8. */
export const BAD_UTF8 = ['ff', 'c0af', 'eda080', 'f4908080', 'e282', '80', 'f0808080']
export const KINDS = [
  ...[
    'magic',
    'version',
    'tensor count',
    'key count',
    'key length',
    'key',
    'value type',
    'string length',
    'string',
  ],
  ...['array type', 'array count', 'element length', 'element', 'number', 'name length', 'name', 'rank'],
  ...['dimension', 'tensor type', 'offset', 'padding', 'data'],
]
/** ggml's types: number, values and bytes of a block. */
export const BLOCKS = [
  ...[
    [0, 1, 4],
    [1, 1, 2],
    [2, 32, 18],
    [3, 32, 20],
    [6, 32, 22],
    [7, 32, 24],
    [8, 32, 34],
    [9, 32, 36],
  ],
  ...[
    [10, 256, 84],
    [11, 256, 110],
    [12, 256, 144],
    [13, 256, 176],
    [14, 256, 210],
    [15, 256, 292],
    [16, 256, 66],
  ],
  ...[
    [17, 256, 74],
    [18, 256, 98],
    [19, 256, 50],
    [20, 32, 18],
    [21, 256, 110],
    [22, 256, 82],
    [23, 256, 136],
  ],
  ...[
    [24, 1, 1],
    [25, 1, 2],
    [26, 1, 4],
    [27, 1, 8],
    [28, 1, 8],
    [29, 256, 56],
    [30, 1, 2],
    [34, 256, 54],
  ],
  ...[
    [35, 256, 66],
    [39, 32, 17],
    [40, 64, 36],
    [41, 128, 18],
    [42, 64, 18],
  ],
]

function own(name) {
  return `qwen3.${name}`
}
export function tok(name) {
  return `tokenizer.ggml.${name}`
}
