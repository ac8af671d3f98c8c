/** What the tensors' shapes follow from. Lengths and counts of values. */
export interface Qwen3Sizes {
  readonly vocab: number
  readonly embedding: number
  readonly blocks: number
  readonly heads: number
  readonly headsKv: number
  readonly headSize: number
  readonly feedForward: number
}

/** Sizes of Stream's guard heads: the inner width, and the classes of each head. */
export interface HeadSizes {
  readonly inner: number
  readonly response: { readonly risk: number; readonly category: number }
  readonly query: { readonly risk: number; readonly category: number }
}

/** One tensor of a Qwen3Guard model under its two names. */
export interface Qwen3Tensor {
  /** Name in a GGUF. */
  readonly name: string
  /** Name in a Hugging Face checkpoint. */
  readonly checkpoint: string
  /** ggml's order: the row length first. A checkpoint's shape is the reverse. */
  readonly shape: readonly number[]
  /**
   * Always stored as f32: norms, which llama.cpp multiplies in f32 only, and guard heads, which are
   * small and decide the verdict.
   */
  readonly f32: boolean
}

/**
 * Every tensor of a Qwen3Guard model, in the order they are written. llama.cpp rotates Qwen3's queries
 * and keys in halves, as the checkpoint does, so no rows are permuted.
 *
 * Source: `llama_model_qwen3` in llama.cpp v0.5.0, and docs/gguf.md for the guard heads.
 *
 * @param last what follows the last norm: `tied` (Gen, the embedding is the LM head), `untied` (Gen), or Stream's heads
 */
export function qwen3Tensors(sizes: Qwen3Sizes, last: 'tied' | 'untied' | HeadSizes): Qwen3Tensor[] {
  const { vocab, embedding, headSize } = sizes
  const matrix = (name: string, checkpoint: string, row: number, rows: number): Qwen3Tensor => ({
    name: `${name}.weight`,
    checkpoint: `${checkpoint}.weight`,
    shape: [row, rows],
    f32: false,
  })
  const norm = (name: string, checkpoint: string, length: number): Qwen3Tensor => ({
    name: `${name}.weight`,
    checkpoint: `${checkpoint}.weight`,
    shape: [length],
    f32: true,
  })
  const tensors = [matrix('token_embd', 'model.embed_tokens', embedding, vocab)]
  const queries = sizes.heads * headSize
  const keys = sizes.headsKv * headSize
  for (let i = 0; i < sizes.blocks; i++) {
    const to = `blk.${i}`
    const from = `model.layers.${i}`
    tensors.push(
      norm(`${to}.attn_norm`, `${from}.input_layernorm`, embedding),
      matrix(`${to}.attn_q`, `${from}.self_attn.q_proj`, embedding, queries),
      matrix(`${to}.attn_k`, `${from}.self_attn.k_proj`, embedding, keys),
      matrix(`${to}.attn_v`, `${from}.self_attn.v_proj`, embedding, keys),
      matrix(`${to}.attn_output`, `${from}.self_attn.o_proj`, queries, embedding),
      norm(`${to}.attn_q_norm`, `${from}.self_attn.q_norm`, headSize),
      norm(`${to}.attn_k_norm`, `${from}.self_attn.k_norm`, headSize),
      norm(`${to}.ffn_norm`, `${from}.post_attention_layernorm`, embedding),
      matrix(`${to}.ffn_gate`, `${from}.mlp.gate_proj`, embedding, sizes.feedForward),
      matrix(`${to}.ffn_up`, `${from}.mlp.up_proj`, embedding, sizes.feedForward),
      matrix(`${to}.ffn_down`, `${from}.mlp.down_proj`, sizes.feedForward, embedding),
    )
  }
  tensors.push(norm('output_norm', 'model.norm', embedding))
  if (last === 'untied') tensors.push(matrix('output', 'lm_head', embedding, vocab))
  if (typeof last === 'object') {
    tensors.push(...headTensors('response', '', embedding, last.inner, last.response))
    tensors.push(...headTensors('query', 'query_', embedding, last.inner, last.query))
  }
  return tensors
}

function headTensors(
  group: 'response' | 'query',
  prefix: string,
  embedding: number,
  inner: number,
  classes: { risk: number; category: number },
): Qwen3Tensor[] {
  const head = (name: string, checkpoint: string, shape: number[]): Qwen3Tensor => ({
    name: `${name}.weight`,
    checkpoint: `${prefix}${checkpoint}.weight`,
    shape,
    f32: true,
  })
  return [
    head(`cls.${group}`, 'risk_level_category_pre', [embedding, inner]),
    head(`cls.norm.${group}`, 'risk_level_category_layernorm', [inner]),
    head(`cls.output.${group}_risk`, 'risk_level_head', [inner, classes.risk]),
    head(`cls.output.${group}_category`, 'category_head', [inner, classes.category]),
  ]
}
