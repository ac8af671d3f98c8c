import type { HeadSizes, Qwen3Tensor } from '../gguf/qwen3-tensors.js'
import { qwen3Tensors } from '../gguf/qwen3-tensors.js'
import type { CheckpointConfig } from './config.js'
import { LABEL_MAPS } from './config.js'
import { brokenCheckpoint } from './json-file.js'
import type { CheckpointTensor } from './safetensors.js'

/** Which tensors a converted model has, in the order they are written, and where each comes from. */
export interface TensorPlan {
  tensors: { tensor: Qwen3Tensor; source: CheckpointTensor }[]
  /** Stream only. */
  heads: HeadSizes | null
  notes: string[]
}

const LM_HEAD = 'lm_head.weight'
const MOST_NAMED = 10

/**
 * Matches a checkpoint's tensors with those a model of its config has.
 *
 * @throws ModelFileError ERR_CHECKPOINT_INVALID naming every tensor that is missing, extra or misshapen, up to ten
 */
export function planTensors(
  directory: string,
  config: CheckpointConfig,
  checkpoint: ReadonlyMap<string, CheckpointTensor>,
): TensorPlan {
  const notes: string[] = []
  const problems: string[] = []
  const left = new Map(checkpoint)
  let last: 'tied' | 'untied' | HeadSizes
  if (config.variant === 'stream') {
    last = headSizes(config, checkpoint, problems)
    if (left.delete(LM_HEAD)) notes.push(`${LM_HEAD} is left out: Stream does not use it`)
  } else if (config.tied ?? !checkpoint.has(LM_HEAD)) {
    last = 'tied'
    if (left.delete(LM_HEAD)) notes.push(`${LM_HEAD} is left out: the config ties it to the embedding`)
  } else {
    last = 'untied'
  }
  const tensors: TensorPlan['tensors'] = []
  for (const tensor of qwen3Tensors(config.sizes, last)) {
    const source = left.get(tensor.checkpoint)
    const expected = [...tensor.shape].reverse().join(', ')
    if (!source) {
      problems.push(`${tensor.checkpoint} is missing, expected with shape [${expected}]`)
      continue
    }
    left.delete(tensor.checkpoint)
    if (source.shape.join(', ') !== expected) {
      problems.push(
        `${tensor.checkpoint} has shape [${source.shape.join(', ')}], expected [${expected}]${whence(tensor.checkpoint)}`,
      )
    }
    tensors.push({ tensor, source })
  }
  for (const name of left.keys()) problems.push(`${name} is there, but no Qwen3Guard model has it`)
  if (problems.length > 0) {
    const more = problems.length > MOST_NAMED ? `; and ${problems.length - MOST_NAMED} more` : ''
    throw brokenCheckpoint(
      `the tensors in ${directory} do not fit its config.json: ${problems.slice(0, MOST_NAMED).join('; ')}${more}. Download the whole checkpoint again`,
    )
  }
  return { tensors, heads: typeof last === 'object' ? last : null, notes }
}

/** The inner width comes from the tensors (no one has published it for 4B and 8B), the classes from the labels. */
function headSizes(
  config: CheckpointConfig,
  checkpoint: ReadonlyMap<string, CheckpointTensor>,
  problems: string[],
): HeadSizes {
  const { labels, statedHeads } = config
  const inner = checkpoint.get('risk_level_category_pre.weight')?.shape[0] ?? statedHeads.inner ?? 0
  if (statedHeads.inner !== null && statedHeads.inner !== inner) {
    problems.push(
      `risk_level_category_pre.weight has ${inner} rows, expected guard_inner_size, ${statedHeads.inner}`,
    )
  }
  const count = (which: keyof typeof LABEL_MAPS, names: readonly string[] | undefined): number => {
    const labelled = names?.length ?? 0
    const stated = statedHeads.classes[which]
    if (stated !== null && stated !== labelled) {
      const { map, count: key } = LABEL_MAPS[which]
      problems.push(`${map} in config.json has ${labelled} labels, expected ${key}, ${stated}`)
    }
    return labelled
  }
  return {
    inner,
    response: {
      risk: count('responseRisk', labels?.response.risk),
      category: count('responseCategory', labels?.response.category),
    },
    query: {
      risk: count('queryRisk', labels?.query.risk),
      category: count('queryCategory', labels?.query.category),
    },
  }
}

/** Which part of the config a head's shape was compared with. */
function whence(name: string): string {
  const which = (
    {
      'risk_level_head.weight': 'responseRisk',
      'category_head.weight': 'responseCategory',
      'query_risk_level_head.weight': 'queryRisk',
      'query_category_head.weight': 'queryCategory',
    } as const
  )[name]
  return which ? ` by the number of labels in ${LABEL_MAPS[which].map}` : ''
}
