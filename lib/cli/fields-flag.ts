import { InvalidArgumentError } from 'commander'
import { VERDICT_FIELDS, type VerdictField } from '../batch/verdict-fields.js'

/** A list such as `severity,scores`; the severity is always among them. */
export function parseFields(text: string): VerdictField[] {
  const fields = new Set<VerdictField>(['severity'])
  for (const name of text.split(',').map((part) => part.trim())) {
    if (!VERDICT_FIELDS.includes(name as VerdictField)) {
      throw new InvalidArgumentError(`Expected any of ${VERDICT_FIELDS.join(', ')}, got ${name}.`)
    }
    fields.add(name as VerdictField)
  }
  return VERDICT_FIELDS.filter((field) => fields.has(field))
}
