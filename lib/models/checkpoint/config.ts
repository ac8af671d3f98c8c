import { join } from 'node:path'
import { ModelKindError } from '../../errors.js'
import type { Category, HeadLabels, Safety } from '../../labels.js'
import { MOST } from '../gguf/check/keys.js'
import { wrongLabels } from '../gguf/check/labels.js'
import type { Qwen3Sizes } from '../gguf/qwen3-tensors.js'
import { isObject, objectAt } from '../json.js'
import { brokenCheckpoint, readJson } from './json-file.js'
import type { CheckpointTensor } from './safetensors.js'

/** What config.json says about a Qwen3Guard checkpoint. */
export interface CheckpointConfig {
  readonly variant: 'gen' | 'stream'
  readonly sizes: Qwen3Sizes
  readonly contextLength: number
  readonly normEpsilon: number
  readonly ropeBase: number
  /** Whether the LM head is the embedding; `null` where the config does not say. */
  readonly tied: boolean | null
  /** Stream's labels by class index; `null` for Gen. */
  readonly labels: Omit<HeadLabels, 'inner'> | null
  /** Sizes of Stream's heads that the config states, to compare with the tensors. */
  readonly statedHeads: { inner: number | null; classes: Record<keyof typeof LABEL_MAPS, number | null> }
  readonly eosTokenId: number | null
  readonly padTokenId: number | null
}

/** Its length is the head size, which transformers and llama.cpp default differently where config.json omits it. */
const Q_NORM = 'model.layers.0.self_attn.q_norm.weight'

const VARIANTS: Readonly<Record<string, 'gen' | 'stream'>> = {
  Qwen3ForCausalLM: 'gen',
  Qwen3ForGuardModel: 'stream',
}

/** The config's keys of each head's labels and number of classes. */
export const LABEL_MAPS = {
  responseRisk: { map: 'response_risk_level_map', count: 'num_risk_level', kind: 'risk' },
  responseCategory: { map: 'response_category_map', count: 'num_category', kind: 'responseCategory' },
  queryRisk: { map: 'query_risk_level_map', count: 'num_query_risk_level', kind: 'risk' },
  queryCategory: { map: 'query_category_map', count: 'num_query_category', kind: 'queryCategory' },
} as const

/**
 * Reads config.json.
 *
 * @param tensors the checkpoint's
 * @throws ModelKindError an architecture other than Qwen3ForGuardModel and Qwen3ForCausalLM
 * @throws ModelFileError ERR_CHECKPOINT_INVALID naming every key that is missing or not supported
 */
export async function readConfig(
  directory: string,
  tensors: ReadonlyMap<string, CheckpointTensor>,
): Promise<CheckpointConfig> {
  const path = join(directory, 'config.json')
  const config = await readJson(path)
  if (!isObject(config)) throw brokenCheckpoint(`${path} is not a JSON object: download it again`)
  const architecture = Array.isArray(config.architectures) ? config.architectures[0] : undefined
  const variant = typeof architecture === 'string' ? VARIANTS[architecture] : undefined
  if (!variant) {
    throw new ModelKindError(
      `${path}: the checkpoint's architecture is ${JSON.stringify(architecture ?? null)}, expected Qwen3ForGuardModel (Stream) or Qwen3ForCausalLM (Gen)`,
    )
  }
  const problems: string[] = []
  const number = (key: string, most: number, fallback?: unknown): number => {
    const value = config[key] ?? fallback
    if (typeof value === 'number' && value > 0 && value <= most) return value
    problems.push(`"${key}" is ${shortJson(value)}, expected a number above 0 and at most ${most}`)
    return 0
  }
  const embedding = number('hidden_size', MOST.embedding)
  const heads = number('num_attention_heads', MOST.heads)
  const parameters = objectAt(config, 'rope_parameters')
  const result: CheckpointConfig = {
    variant,
    sizes: {
      vocab: number('vocab_size', MOST.vocab),
      embedding,
      blocks: number('num_hidden_layers', MOST.layers),
      heads,
      headsKv: number('num_key_value_heads', MOST.heads, heads),
      headSize: number('head_dim', MOST.headSize, tensors.get(Q_NORM)?.shape[0] ?? embedding / heads),
      feedForward: number('intermediate_size', MOST.feedForward),
    },
    contextLength: number('max_position_embeddings', MOST.context),
    normEpsilon: number('rms_norm_eps', 0.1),
    ropeBase: number('rope_theta', 1e12, parameters?.rope_theta),
    tied: typeof config.tie_word_embeddings === 'boolean' ? config.tie_word_embeddings : null,
    labels: variant === 'stream' ? readLabels(config, problems) : null,
    statedHeads: {
      inner: count(config.guard_inner_size),
      classes: {
        responseRisk: count(config[LABEL_MAPS.responseRisk.count]),
        responseCategory: count(config[LABEL_MAPS.responseCategory.count]),
        queryRisk: count(config[LABEL_MAPS.queryRisk.count]),
        queryCategory: count(config[LABEL_MAPS.queryCategory.count]),
      },
    },
    eosTokenId: tokenId(config.eos_token_id),
    padTokenId: tokenId(config.pad_token_id),
  }
  for (const value of Object.values(result.sizes)) {
    if (!Number.isInteger(value)) problems.push(`${value} is not a whole number, expected sizes of tensors`)
  }
  refuseUnsupported(config, problems)
  if (problems.length > 0) throw brokenCheckpoint(`${path}: ${problems.slice(0, 10).join('; ')}`)
  return result
}

/** What Qwen3 in llama.cpp does not compute, or computes otherwise: better refused than subtly wrong. */
function refuseUnsupported(config: Record<string, unknown>, problems: string[]): void {
  const refuse = (key: string, expected: string) => {
    problems.push(`"${key}" is ${shortJson(config[key])}, expected ${expected}, which Qwen3Guard has`)
  }
  if ((config.hidden_act ?? 'silu') !== 'silu') refuse('hidden_act', '"silu"')
  if (config.attention_bias) refuse('attention_bias', 'false')
  if (config.use_sliding_window) refuse('use_sliding_window', 'false')
  if (config.quantization_config)
    refuse('quantization_config', 'none: convert the checkpoint as it was published')
  const scaling = objectAt(config, 'rope_scaling')
  if (scaling) refuse('rope_scaling', 'none')
  const ropeType = objectAt(config, 'rope_parameters')?.rope_type
  if (ropeType !== undefined && ropeType !== 'default') refuse('rope_parameters', 'rope_type "default"')
  const layers = config.layer_types
  if (Array.isArray(layers) && layers.some((layer) => layer !== 'full_attention')) {
    refuse('layer_types', '"full_attention" only')
  }
}

function readLabels(config: Record<string, unknown>, problems: string[]): Omit<HeadLabels, 'inner'> {
  const labels = (which: keyof typeof LABEL_MAPS): string[] => {
    const { map: key, kind } = LABEL_MAPS[which]
    const map = objectAt(config, key)
    if (!map) {
      problems.push(`"${key}" is missing, expected an object from class index to label`)
      return []
    }
    const list = Object.keys(map).map((_, index) => map[String(index)])
    const gap = list.indexOf(undefined)
    if (gap >= 0) {
      problems.push(
        `"${key}" has the keys ${Object.keys(map).slice(0, 20).join(', ')}, expected "0" to "${list.length - 1}": "${gap}" is missing`,
      )
      return []
    }
    // The official eval code spells one label with literal quotes.
    const names = list.map((label) => String(label).replace(/^"(.*)"$/, '$1'))
    const wrong = wrongLabels(names, kind)
    if (wrong) problems.push(`"${key}" ${wrong}`)
    return names
  }
  return {
    response: {
      risk: labels('responseRisk') as Safety[],
      category: labels('responseCategory') as Category[],
    },
    query: { risk: labels('queryRisk') as Safety[], category: labels('queryCategory') as Category[] },
  }
}

/** A value as a message shows it. */
function shortJson(value: unknown): string {
  const json = JSON.stringify(value ?? null)
  return json.length > 100 ? `${json.slice(0, 100)}…` : json
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) ? value : null
}

/** A token id, or the first of a list: the one that ends a turn. */
export function tokenId(value: unknown): number | null {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return typeof first === 'number' && Number.isInteger(first) && first >= 0 && first < MOST.vocab
    ? first
    : null
}
