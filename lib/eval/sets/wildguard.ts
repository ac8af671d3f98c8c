import type { Safety } from '../../labels.js'
import { type DataSet, promptItem, type Reading, type Row, responseItem } from '../item.js'
import {
  filled,
  flag,
  HARMFUL_UNHARMFUL,
  has,
  isSkipped,
  labelOf,
  REFUSAL_COMPLIANCE,
  text,
} from './fields.js'

/** allenai/wildguardmix: `wildguardtest` and `wildguardtrain`. */
export const wildguard: DataSet = {
  name: 'wildguard',
  title: 'WildGuardTest',
  licence: 'ODC-BY',
  labels: () => '"harmful" is unsafe, "unharmful" is safe; rows without agreement (null) are left out',
  recognises: (columns) =>
    has(columns, 'prompt', 'prompt_harm_label', 'response_harm_label', 'adversarial') &&
    !columns.has('language'),
  read: (row) => readHarmLabels(row, null),
}

/** ToxicityPrompts/PolyGuardPrompts: WildGuardTest in 17 languages. */
export const polyguard: DataSet = {
  name: 'polyguard',
  title: 'PolyGuardPrompts',
  licence: 'CC-BY-4.0',
  labels: () => '"harmful" is unsafe, "unharmful" is safe; rows without a label are left out',
  recognises: (columns) => has(columns, 'prompt', 'prompt_harm_label', 'response_harm_label', 'language'),
  read: (row) => readHarmLabels(row, filled(row, 'language')),
}

function readHarmLabels(row: Row, language: string | null): Reading[] {
  const prompt = text(row, 'prompt')
  if (prompt === null) return [{ skip: 'prompt is null' }]
  const adversarial = flag(row.adversarial)
  const source = adversarial === null ? null : adversarial ? 'adversarial' : 'vanilla'
  const subcategory = filled(row, 'subcategory')
  const extras = (label: Safety | null) => ({
    // The subcategory is the prompt's, of benign ones too.
    categories: label === 'Unsafe' && subcategory !== null ? [subcategory] : [],
    language,
    source,
    id: text(row, 'id'),
  })
  const readings: Reading[] = []
  const asked = labelOf(row, 'prompt_harm_label', HARMFUL_UNHARMFUL)
  readings.push(isSkipped(asked) ? asked : promptItem(prompt, asked, extras(asked)))
  const response = filled(row, 'response')
  if (response === null) {
    const labelled = ['response_harm_label', 'response_refusal_label'].some(
      (name) => filled(row, name) !== null,
    )
    return labelled ? [...readings, { skip: 'response is empty' }] : readings
  }
  const said = labelOf(row, 'response_harm_label', HARMFUL_UNHARMFUL)
  const word = filled(row, 'response_refusal_label')?.toLowerCase() ?? ''
  const refusal = Object.hasOwn(REFUSAL_COMPLIANCE, word)
    ? REFUSAL_COMPLIANCE[word as keyof typeof REFUSAL_COMPLIANCE]
    : null
  if (isSkipped(said)) readings.push(said)
  if (isSkipped(said) && refusal === null) return readings
  const label = isSkipped(said) ? null : said
  return [...readings, responseItem(prompt, response, label, { ...extras(label), refusal })]
}
