import type { EvalReport } from '../report-data.js'
import type { ShownError } from '../worst.js'

export async function htmlReport(
  report: EvalReport,
  _errors: readonly ShownError[],
): Promise<{ html: string; note: string | null }> {
  return { html: JSON.stringify(report), note: null }
}
