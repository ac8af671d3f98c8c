import { describe, expect, it } from 'vitest'
import { inFlags } from '../../lib/cli/flag-names.js'
import { cli } from '../support/cli.js'

describe('the command line', () => {
  it.each([
    ['load with a larger contextSize', 'give a larger --context-size'],
    ["use kvType 'q8_0', or", 'use --kv-type q8_0, or'],
    ["windows with `tooLong: 'window'`", 'windows with --too-long window'],
    [
      "gpu: 'auto' takes what there is, gpu: false the CPU",
      '--gpu auto takes what there is, --gpu off the CPU',
    ],
    ['flashAttention: true cannot be had', '--flash-attention on cannot be had'],
    ['Expected `threads` to be', 'Expected --threads to be'],
    // No option's name: words, paths, other people's text.
    ['the model of the device has a history', 'the model of the device has a history'],
    ['/models/contextSize/model.gguf', '/models/contextSize/model.gguf'],
  ])('says %s as %s', (message, said) => {
    expect(inFlags(message)).toBe(said)
  })

  it.each([
    [
      ['check', 'word '.repeat(600), '--context-size', '128'],
      1,
      /--too-long window.*--context-size \(ERR_TOO_LONG\)/,
    ],
    [['check', 'x', '--threads', '0'], 2, /--threads/],
    [['check', 'x', '--model', ''], 2, /--model.*qwen3guard pull/],
    [['check', 'x', '--gpu', process.platform === 'darwin' ? 'cuda' : 'metal'], 1, /--gpu auto.*--gpu off/],
    [['stream', '--prompt', 'x', '--model', 'demo-gen'], 1, /judge with it by `qwen3guard check`/],
    [['check', 'x', '--context-size', '999999'], 1, /--context-size is 999999/],
    [['check', 'x', '--model', 'qwen3guard-gen-06'], 1, /qwen3guard pull qwen3guard-gen-0\.6b/],
    [['pull', 'qwen3guard-gen-06'], 2, /did you mean qwen3guard-gen-0\.6b/],
  ])('speaks its own flags: %j', async (args, code, message) => {
    const finished = await cli(args)
    expect(finished.code).toBe(code)
    expect(finished.stderr).toMatch(message)
    expect(finished.stderr).not.toMatch(/contextSize|tooLong|kvType|`model`|GenGuard|StreamGuard/)
  })
})
