import { type Action, applyPolicy, explain, type Policy } from '../index.js'
import type { CheckResult } from './judge.js'

/** Parts of a verdict that can be asked for. */
export const VERDICT_FIELDS = [
  'severity',
  'categories',
  'refusal',
  'text',
  'scores',
  'tokens',
  'usage',
  'action',
  'model',
] as const
export type VerdictField = (typeof VERDICT_FIELDS)[number]

/** Which members of a result a field is, by Gen, by Stream of the prompt and of the reply. */
const MEMBERS: Record<VerdictField, { top: string[]; prompt: string[]; reply: string[] }> = {
  severity: { top: ['safety'], prompt: ['safety'], reply: ['safety', 'at', 'complete'] },
  categories: { top: ['categories'], prompt: ['category'], reply: ['category'] },
  refusal: { top: ['refusal'], prompt: [], reply: [] },
  text: { top: ['text'], prompt: [], reply: [] },
  scores: { top: ['scores'], prompt: ['probabilities', 'categories'], reply: [] },
  tokens: { top: ['tokens'], prompt: [], reply: [] },
  usage: { top: ['usage', 'window', 'droppedMessages'], prompt: [], reply: ['tokenCount'] },
  action: { top: ['action', 'because'], prompt: [], reply: [] },
  model: { top: ['model', 'kind'], prompt: [], reply: [] },
}

/** What is written of a verdict. */
export function pickFields(verdict: object, fields: readonly VerdictField[] | undefined): object {
  if (fields === undefined) return verdict
  const picked: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(verdict)) {
    if (fields.some((field) => MEMBERS[field].top.includes(name))) picked[name] = value
    else if (name === 'prompt' || name === 'reply') {
      picked[name] = value && pickMembers(value as object, name, fields)
    }
  }
  return picked
}

function pickMembers(value: object, of: 'prompt' | 'reply', fields: readonly VerdictField[]): object {
  const names = new Set(fields.flatMap((field) => MEMBERS[field][of]))
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.has(name)))
}

/** What a policy does about a result, and why. */
export interface PolicyDecision {
  action: Action
  because: string
}

/** The policy's action about Gen's verdict, or about Stream's of the prompt and all tokens of the reply. */
export function decide(result: CheckResult, policy: Policy): PolicyDecision {
  if (result.kind === 'gen') return explain(result, policy)
  const { action, prompt, flags, block } = applyPolicy(result.prompt, result.tokens, policy)
  if (result.reply && !result.reply.complete && action !== 'block' && policy.onFailure !== 'allow') {
    return { action: 'block', because: 'the reply was not judged to its end: block' }
  }
  const reason = block?.verdict ?? flags[0]
  const about = prompt === action || !reason ? result.prompt : reason
  const where = about === result.prompt ? 'the prompt' : `token ${(about as { index: number }).index}`
  return { action, because: `${where}: ${explain(about, policy).because}` }
}
