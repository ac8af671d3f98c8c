// Results as Markdown tables. A figure that was not measured is not there: its part is among what was skipped.
import { dataSheetBandwidth } from './machine.mjs'
import { bytesRead, SHAPES } from './shapes.mjs'

const GOALS = { one: 1, sixteen: 0.1, verdict: 10, pace: 20, streams: 256 }

/** @param results what measure-gpu.mjs writes with --json */
export function toMarkdown(results) {
  const sections = [head(results), goals(results), parity(results), ...streams(results), ...many(results)]
  return [...sections, gen(results), settings(results), left(results)].filter(Boolean).join('\n\n')
}

const ms = (value) =>
  value === undefined
    ? ''
    : value >= 100
      ? value.toFixed(0)
      : value >= 10
        ? value.toFixed(1)
        : value.toFixed(3)
const small = (value) => (value === 0 ? '0' : value.toExponential(1))
const whole = (value) => value.toFixed(0)

function table(columns, rows) {
  if (rows.length === 0) return ''
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n')
}

const titled = (title, ...blocks) => {
  const filled = blocks.filter(Boolean)
  return filled.length > 0 ? [`**${title}**`, ...filled].join('\n\n') : ''
}

const of = (results, part) => results.parts.filter((one) => one.part === part && one.rows.length > 0)

function head({ machine, device, seconds }) {
  const { card, driver, power, cpu, cores, memoryBytes, node, commit, date } = machine
  const where = device.description ?? device.name
  return [
    `Measured on ${where} (back end ${device.backend}${driver ? `, driver ${driver}, power limit ${power}` : ''}), ${cpu}, ${cores} CPUs, ` +
      `${whole(memoryBytes / 2 ** 30)} GiB, Node.js ${node}, commit ${commit}, ${date.slice(0, 10)}`,
    card && card !== where ? ` (nvidia-smi: ${card})` : '',
    seconds ? `, in ${whole(seconds)} s.` : ' (not finished).',
  ].join('')
}

function goals(results) {
  const rows = []
  const judge = (what, goal, value, text) => rows.push([what, goal, text, value ? 'met' : '**missed**'])
  for (const { shape, type, rows: cells } of of(results, 'stream')) {
    if (shape !== '0.6b') continue
    for (const { positions, k, push } of cells.filter(({ k }) => k)) {
      const each = push.p50 / k
      const goal = k === 1 ? GOALS.one : GOALS.sixteen
      judge(
        `Stream 0.6B ${type}, ${k} a push at ${positions}`,
        `< ${goal} ms a token`,
        each < goal,
        `${ms(each)} ms`,
      )
    }
  }
  for (const { shape, type, rows: cells } of of(results, 'gen')) {
    if (shape !== '0.6b') continue
    for (const { mode, ms: times } of cells.filter(({ atOnce }) => atOnce === 1)) {
      judge(
        `Gen 0.6B ${type}, one ${mode}`,
        `< ${GOALS.verdict} ms`,
        times.p50 < GOALS.verdict,
        `${ms(times.p50)} ms`,
      )
    }
  }
  for (const { title, rows: cells } of of(results, 'many')) {
    const paced = cells.find(({ paced }) => paced)
    if (paced?.streams !== GOALS.streams) continue
    const kept = paced.behind === 0
    const late = `${paced.behind} of ${paced.n} pushes came after the next was due`
    judge(
      title,
      `${GOALS.streams} streams at ${GOALS.pace} tokens/s each`,
      kept,
      `p99 ${ms(paced.push.p99)} ms; ${late}`,
    )
  }
  return titled('Goals', table(['', 'goal', 'measured (p50)', ''], rows))
}

function parity(results) {
  const cells = of(results, 'parity').flatMap(({ rows }) => rows)
  const failed = cells.filter((cell) => cell.failed)
  const heads = cells.filter(({ judge }) => judge === 'stream' || judge === 'heads')
  const texts = cells.filter(({ judge }) => judge === 'gen')
  const verdict = ({ within }) => (within ? 'yes' : '**no**')
  return titled(
    'Verdicts of the GPU against the CPU, same file',
    table(
      [
        'heads',
        'positions',
        'largest difference of a probability',
        'of a logit',
        'other risk',
        'other category',
        'many at once against alone',
        'tolerance',
        'within',
      ],
      heads.map((cell) => [
        cell.key,
        cell.positions,
        small(cell.furthest),
        cell.logits === undefined ? '' : `${small(cell.logits)} (largest ${cell.largestLogit.toFixed(1)})`,
        cell.otherRisk,
        cell.otherCategory,
        cell.together
          .map(
            ({ streams, furthest, otherRisk }) =>
              `${streams}: ${small(furthest)}${otherRisk ? ` (${otherRisk} other risk)` : ''}`,
          )
          .join('; '),
        cell.judge === 'heads' ? `${100 * cell.tolerance} % of the largest logit` : cell.tolerance,
        verdict(cell),
      ]),
    ),
    table(
      [
        'Gen',
        'texts equal',
        'of them near ties',
        'largest difference of P(safety)',
        'all at once: texts equal',
        'difference',
        'tolerance',
        'within',
      ],
      texts.map((cell) => [
        cell.key,
        `${cell.equal} of ${cell.texts}`,
        cell.texts - cell.equal - cell.unexplained,
        small(cell.furthest),
        `${cell.together.equal} of ${cell.together.texts}`,
        small(cell.together.furthest),
        cell.tolerance,
        verdict(cell),
      ]),
    ),
    failed.map(({ key, failed }) => `- **failed** ${key}: ${failed.split('\n')[0]}`).join('\n'),
  )
}

/** What the share is of: measured where torch could, else the data sheet's. */
function bandwidth(results) {
  const measured = of(results, 'transformers')
    .flatMap(({ rows }) => rows)
    .find(({ kind }) => kind === 'bandwidth')
  if (measured) return { rate: measured.bytesPerSecond, source: 'a copy on the card, measured with torch' }
  const rate = dataSheetBandwidth(results.device.description ?? results.machine.card)
  return rate && results.device.backend !== 'cpu' ? { rate, source: "the data sheet's" } : null
}

function streams(results) {
  const card = bandwidth(results)
  const shapes = [...new Set(of(results, 'stream').map(({ shape }) => shape))]
  const tables = shapes.map((shape) => {
    const peer = of(results, 'transformers')
      .filter((one) => one.shape === shape)
      .flatMap(({ rows }) => rows)
    const against = (kind, positions, k, ours) => {
      const theirs = peer.find((row) => row.kind === kind && row.positions === positions && row.k === k)
      return theirs ? `${ms(theirs.p50)} (${(theirs.p50 / ours).toFixed(1)}x)` : ''
    }
    const rows = of(results, 'stream')
      .filter((one) => one.shape === shape)
      .flatMap(({ type, rows }) =>
        rows
          .filter(({ k }) => k)
          .map(({ positions, k, n, push, decode }) => {
            const rate = bytesRead(SHAPES[shape], type, { positions }) / (decode.p50 / 1000)
            return [
              ...[
                type,
                positions,
                k,
                n,
                ms(push.p50),
                ms(push.p99),
                ms(push.p50 / k),
                ms(decode.p50),
                ms(decode.p99),
              ],
              whole(rate / 1e9),
              card ? `${whole((100 * rate) / card.rate)} %` : '',
              against('direct', positions, k, push.p50),
              against('official', positions, k, push.p50),
            ]
          }),
      )
    return titled(
      `One stream, ${SHAPES[shape].name} shape, random weights`,
      table(
        [
          'type',
          'positions',
          'tokens a push',
          'pushes',
          'push p50 ms',
          'p99',
          'p50 a token',
          "engine's call p50 ms",
          'p99',
          'GB/s read',
          'of the bandwidth',
          'transformers with a KV cache, ms',
          'the whole sequence again, ms',
        ],
        rows,
      ),
    )
  })
  const versions = of(results, 'transformers')
    .flatMap(({ rows }) => rows)
    .find(({ kind }) => kind === 'versions')
  const notes = [
    card &&
      `The bandwidth is ${whole(card.rate / 1e9)} GB/s (${card.source}); GB/s read counts every weight but the embedding once a push, and the KV cache.`,
    versions &&
      `transformers ${versions.transformers}, torch ${versions.torch}, bf16, attention ${versions.attention}: in brackets, how many times our push.`,
  ]
  return [...tables, notes.filter(Boolean).join(' ')]
}

function many(results) {
  const parts = [...of(results, 'many'), ...of(results, 'deep')]
  const label = ({ shape, type }) => `${SHAPES[shape].name} ${type}`
  const free = parts.flatMap((part) =>
    part.rows
      .filter(({ rate }) => rate)
      .map(({ positions, k, streams, n, rate, each, push }) => [
        ...[label(part), positions, k, streams, n, whole(rate), each.toFixed(1), ms(push.p50), ms(push.p99)],
      ]),
  )
  const filled = parts.flatMap((part) =>
    part.rows
      .filter(({ filled }) => filled)
      .map(({ filled, streams, tokensPerSecond }) => [label(part), streams, filled, whole(tokensPerSecond)]),
  )
  const paced = parts.flatMap((part) =>
    part.rows
      .filter(({ paced }) => paced)
      .map(({ streams, positions, n, each, behind, push, call }) => [
        ...[label(part), streams, positions, n, each.toFixed(1)],
        ...[ms(push.p50), ms(push.p99), ms(push.most), ms(call.p50), ms(call.p99)],
        behind === 0 ? 'yes' : `no: ${behind} pushes late`,
      ]),
  )
  return [
    titled(
      'Many streams, each pushing as soon as its last verdicts came',
      table(
        ['', 'positions', 'tokens a push', 'streams', 'pushes', 'tokens/s', 'a stream', 'push p50 ms', 'p99'],
        free,
      ),
      'Streams are brought to their positions together:',
      table(['', 'streams', 'positions', 'tokens/s'], filled),
    ),
    titled(
      'Many streams at a pace: a token of each every 50 ms',
      table(
        [
          '',
          'streams',
          'positions',
          'pushes',
          'tokens/s a stream',
          'from when due, p50 ms',
          'p99',
          'most',
          'from the call, p50 ms',
          'p99',
          'all kept up',
        ],
        paced,
      ),
    ),
  ].map((section, i) => ((i === 0 ? free : paced).length > 0 ? section : ''))
}

function gen(results) {
  const rows = of(results, 'gen').flatMap(({ shape, type, rows }) =>
    rows
      .filter(({ rate }) => rate)
      .map(
        ({
          mode,
          atOnce,
          sustained,
          n,
          rate,
          ms: times,
          promptTokens,
          cachedTokens,
          generatedTokens,
          passes,
        }) => [
          `${SHAPES[shape].name} ${type}`,
          mode,
          sustained ? `${atOnce}, ${sustained} in a row` : atOnce,
          sustained ?? n,
          atOnce === 1 ? ms(times.p50) : '',
          atOnce === 1 ? ms(times.p99) : '',
          rate.toFixed(1),
          ...[promptTokens, cachedTokens, generatedTokens, passes.toFixed(2)],
        ],
      ),
  )
  const peers = of(results, 'transformers').flatMap(({ shape, rows }) =>
    rows
      .filter(({ kind }) => kind === 'gen')
      .map(({ prompt, tokens, n, p50, p99 }) => [SHAPES[shape].name, prompt, tokens, n, ms(p50), ms(p99)]),
  )
  return titled(
    'Gen, a padded demonstration model',
    table(
      [
        '',
        'mode',
        'at once',
        'verdicts',
        'p50 ms',
        'p99',
        'verdicts/s',
        'prompt tokens',
        'cached',
        'generated',
        'passes',
      ],
      rows,
    ),
    peers.length > 0 && 'transformers, `generate()` on random ids, greedy, bf16:',
    table(['', 'prompt tokens', 'generated', 'runs', 'p50 ms', 'p99'], peers),
  )
}

function settings(results) {
  const rows = of(results, 'settings').flatMap(({ rows }) => rows)
  const flash = ({ flashAttention }) => (flashAttention ? 'on' : 'off')
  return titled(
    'Settings',
    table(
      [
        'batch',
        'flash attention',
        'streams',
        'positions',
        'fill, tokens/s',
        'one token of each, ms',
        'sixteen of each, ms',
      ],
      rows
        .filter(({ variant }) => variant === 'stream')
        .map((row) => [
          row.batchSize,
          flash(row),
          row.sequences,
          row.positions,
          whole(row.fillRate),
          ms(row.tick1),
          ms(row.tick16),
        ]),
    ),
    table(
      ['batch', 'flash attention', 'done checks kept', 'checks at once', 'verdicts/s', 'one at a time, ms'],
      rows
        .filter(({ variant }) => variant === 'gen')
        .map((row) => [
          row.batchSize,
          flash(row),
          row.reuse ? 'yes' : 'no',
          row.many,
          row.rate.toFixed(1),
          ms(row.one),
        ]),
    ),
  )
}

function left({ parts }) {
  const lines = parts
    .filter(({ reason }) => reason)
    .map(
      ({ title, status, reason }) =>
        `- ${title}: ${status === 'done' ? 'done, but ' : `${status}, `}${reason.split('\n').slice(0, 2).join(' ').trim()}`,
    )
  return lines.length > 0 ? `Not measured, or not to the end:\n\n${lines.join('\n')}` : ''
}
