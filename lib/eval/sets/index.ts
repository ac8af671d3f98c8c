import type { DataSet } from '../item.js'
import { aegis1, aegis2 } from './aegis.js'
import { beaverTails, pkuSafeRlhf } from './beavertails.js'
import { diaSafety } from './diasafety.js'
import { generic } from './generic.js'
import { harmBench, harmBenchReplies } from './harmbench.js'
import { openaiModeration } from './openai-moderation.js'
import { rtpLx, simpleSafetyTests } from './prompts-alone.js'
import { qwen3GuardTest } from './qwen3guard-test.js'
import { singStreamBench } from './sing-stream-bench.js'
import { toxicChat } from './toxic-chat.js'
import { polyguard, wildguard } from './wildguard.js'
import { xstest } from './xstest.js'

/** Every layout that `--format` names; a file is of the first that recognises its columns, else of the last. */
export const DATA_SETS: readonly DataSet[] = [
  qwen3GuardTest,
  singStreamBench,
  toxicChat,
  openaiModeration,
  xstest,
  polyguard,
  wildguard,
  aegis2,
  aegis1,
  pkuSafeRlhf,
  beaverTails,
  harmBench,
  harmBenchReplies,
  simpleSafetyTests,
  rtpLx,
  diaSafety,
  generic,
]

export function recognise(columns: Iterable<string>): DataSet {
  const names = new Set(columns)
  return DATA_SETS.find((set) => set.recognises(names)) ?? generic
}

export function dataSetNamed(name: string): DataSet | undefined {
  return DATA_SETS.find((set) => set.name === name)
}
