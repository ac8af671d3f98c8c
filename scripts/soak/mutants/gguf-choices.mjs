// Which changes make a mutant of a GGUF.
import { BAD_UTF8, BLOCKS, KINDS, LABEL_KEYS, ODD, READ_KEYS, SPELLINGS, VALUES } from './gguf-values.mjs'
import { Dice } from './random.mjs'
import { TEMPLATES } from './templates.mjs'

/** The changes that make mutant `index` of a seed: one to three. */
export function chooseChanges(gguf, seed, index) {
  const dice = new Dice(seed, index)
  const changes = []
  for (let i = dice.chance(3) ? 2 + dice.below(2) : 1; i > 0; i--) changes.push(dice.of(CHOICES)(gguf, dice))
  return changes
}

// Places are fractions: the same change fits every file.
const place = (dice) => Math.floor(dice.random() * 1e6) / 1e6
const CHOICES = [
  (_gguf, dice) => ['set', dice.of(KINDS), place(dice), dice.of(ODD)],
  (_gguf, dice) => ['set', dice.of(KINDS), place(dice), dice.of(ODD)],
  (_gguf, dice) => [
    'add',
    dice.of(KINDS),
    place(dice),
    dice.of(['1', '-1', '2', '8', '-8', '32', '256', '-256']),
  ],
  (_gguf, dice) => ['flip', dice.of(KINDS), place(dice), dice.below(64)],
  (_gguf, dice) => ['splice', dice.of(KINDS), place(dice), dice.of(KINDS), place(dice)],
  (_gguf, dice) => ['insert', dice.of(KINDS), place(dice), 1 + dice.below(40), dice.below(256)],
  (_gguf, dice) => ['remove', dice.of(KINDS), place(dice), 1 + dice.below(40)],
  (_gguf, dice) => ['cut', dice.of(KINDS), place(dice), dice.of([-1, 0, 0, 1, 4, 7])],
  (_gguf, dice) => ['cut data', place(dice)],
  (_gguf, dice) => ['append', 1 + dice.below(5000)],
  (_gguf, dice) => ['drop', place(dice)],
  (_gguf, dice) => ['double', place(dice), dice.of(['', 'x', null])],
  (_gguf, dice) => ['rename', place(dice), dice.of(READ_KEYS)],
  (_gguf, dice) => ['move', place(dice), place(dice)],
  (_gguf, dice) => ['key', dice.of(READ_KEYS), ...dice.of(VALUES)],
  (_gguf, dice) => ['key', dice.of(READ_KEYS), ...dice.of(VALUES)],
  (_gguf, dice) => ['key', dice.of(READ_KEYS), ...dice.of(VALUES)],
  (_gguf, dice) => [
    'labels',
    dice.of(LABEL_KEYS),
    dice.of(['swap', 'twice', 'drop', 'more', 'case', 'zero', 'none', 'long']),
  ],
  (_gguf, dice) => ['token', place(dice), dice.of(SPELLINGS)],
  (_gguf, dice) => ['token bytes', place(dice), dice.of(BAD_UTF8)],
  (_gguf, dice) => ['tokens swapped', place(dice), place(dice)],
  (_gguf, dice) => [
    'tokens',
    dice.of(['fewer', 'more', 'none', 'types fewer', 'with weights']),
    1 + dice.below(300),
  ],
  (_gguf, dice) => ['token type', place(dice), dice.of([-1, 0, 1, 2, 3, 4, 5, 6, 7, 2147483647])],
  (_gguf, dice) => ['token types', dice.of([1, 3, 4, 5]), place(dice), place(dice)],
  (_gguf, dice) => [
    'merge',
    place(dice),
    dice.of(['', ' ', 'a', 'a b', ' a', 'a ', 'a  b', 't h e', 'Ġ Ġ', '\0 a', 'h t']),
  ],
  (_gguf, dice) => ['merges', dice.of(['none', 'reversed', 'twice', 'fewer', 'shuffled', 'one'])],
  (_gguf, dice) => ['template', dice.below(TEMPLATES.length)],
  (_gguf, dice) => ['template', dice.below(TEMPLATES.length)],
  (_gguf, dice) => ['template cut', place(dice)],
  (_gguf, dice) => [
    'tensor',
    place(dice),
    dice.of(['drop', 'double', 'turn', 'flat', 'deeper', 'last', 'zero', 'huge', 'wrap']),
  ],
  (_gguf, dice) => [
    'tensor name',
    place(dice),
    dice.of([
      '',
      'output.weight',
      'blk.0.attn_q.weight',
      'blk.9.x',
      'x'.repeat(63),
      'x'.repeat(64),
      'cls.weight',
      'a\0b',
      'rope_freqs.weight',
      'blk.0.attn_q.bias',
      'blk.0.attn_q.scale',
      'output.bias',
    ]),
  ],
  (_gguf, dice) => ['tensors swapped', place(dice), place(dice)],
  (_gguf, dice) => ['retype', place(dice), dice.of(BLOCKS)[0], dice.below(4)],
  (_gguf, dice) => ['retype all', dice.of(BLOCKS)[0], dice.below(4)],
  (_gguf, dice) => ['weights', place(dice), dice.of(['zero', 'ones', 'random', 'nan', 'infinite', 'huge'])],
  (_gguf, dice) => ['offset', place(dice), dice.of([...ODD, '96', '1024'])],
  (_gguf, dice) => ['alignment', dice.of([1, 2, 4, 8, 16, 24, 32, 64, 128, 4096, 65536])],
  (_gguf, dice) => [
    'split',
    dice.of([0, 1, 2, 65535]),
    dice.of([0, 1, 2, 3, 999, 65535]),
    dice.of([0, 1, 46, 54, -1]),
  ],
]
