import { InputError } from '../data/input-error.js'
import type { Policy } from '../index.js'
import { checkPolicy } from '../policy.js'
import { readTextFile } from './text-file.js'

/** The policy in a JSON file, or on stdin for `-`. @throws InputError; TypeError and RangeError for what is no policy */
export async function readPolicy(file: string, signal: AbortSignal): Promise<Policy> {
  const text = await readTextFile(file, signal)
  let policy: Policy
  try {
    policy = JSON.parse(text) as Policy
  } catch (cause) {
    throw new InputError(`${file}: expected a policy as JSON: ${(cause as Error).message}`, { cause })
  }
  checkPolicy(policy)
  return policy
}
