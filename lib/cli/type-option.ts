import { InvalidArgumentError, Option } from 'commander'
import { CONVERT_TYPES, type ConvertType } from '../models/convert/tensor-type.js'

/** `--type`, in upper or lower case. */
export function typeOption(description = 'type of the weights'): Option {
  return new Option('--type <type>', description).choices(CONVERT_TYPES).argParser((text): ConvertType => {
    const type = CONVERT_TYPES.find((one) => one === text.toLowerCase())
    if (type === undefined) throw new InvalidArgumentError(`Allowed choices are ${CONVERT_TYPES.join(', ')}.`)
    return type
  })
}
