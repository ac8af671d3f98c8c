// node-llama-cpp as a contender: the same file and rendered prompts, greedy, with its prebuilt CPU binary.

import { getLlama } from 'node-llama-cpp'
import { ChatTemplate } from '../../dist/tokenizer/chat-template.js'

export async function open({ model: modelPath, chatTemplate, threads, sequences }) {
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: threads })
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 })
  const template = new ChatTemplate(chatTemplate)

  /** Everything else as node-llama-cpp chooses. */
  const context = (count) =>
    model.createContext({ contextSize: 1024, batchSize: 512, sequences: count, threads })
  const single = (await context(1)).getSequence()
  const kept = (await context(1)).getSequence()
  let several

  const prompt = async (input) => {
    const messages = typeof input === 'string' ? [{ role: 'user', content: input }] : input
    const { text } = await template.render(messages, [], {
      add_generation_prompt: true,
      enable_thinking: false,
    })
    return model.tokenize(text, true)
  }
  const answer = async (sequence, tokens, promptTokens) => {
    const ids = []
    for await (const id of sequence.evaluate(tokens, { temperature: 0 })) ids.push(id)
    return { text: model.detokenize(ids), promptTokens, generated: ids.length }
  }
  const whole = async (sequence, input) => {
    const tokens = await prompt(input)
    await sequence.clearHistory()
    return answer(sequence, tokens, tokens.length)
  }

  /** The sequences of one context, made when they are first asked for: node-llama-cpp batches what they do. */
  const together = async () => {
    if (!several) {
      const shared = await context(sequences)
      several = Array.from({ length: sequences }, () => shared.getSequence())
    }
    return several
  }

  return {
    whole,
    sequences: together,
    /** One verdict, the whole prompt computed: what a call for each text does. */
    one: (input) => whole(single, input),
    /** One verdict by a caller who keeps what the prompt shares with the one before. */
    prefix: async (input) => {
      const tokens = await prompt(input)
      await kept.adaptStateToTokens(tokens, false)
      return answer(kept, tokens.slice(kept.nextTokenIndex), tokens.length)
    },
    /** Many at once over several sequences of one context, which node-llama-cpp batches. */
    many: async (inputs) => {
      const answers = new Array(inputs.length)
      let next = 0
      await Promise.all(
        (await together()).map(async (sequence) => {
          while (next < inputs.length) {
            const at = next++
            answers[at] = await whole(sequence, inputs[at])
          }
        }),
      )
      return answers
    },
  }
}
