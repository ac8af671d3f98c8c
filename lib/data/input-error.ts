/** Input (a file, a row, stdin) is not what it should be. */
export class InputError extends Error {
  readonly code = 'ERR_INPUT'
}
Object.defineProperty(InputError.prototype, 'name', { value: 'InputError' })
