// Many results of one iteration, in a process with a small heap: node --max-old-space-size=… in-order-child.mjs ROWS
import { inOrder } from '../../dist/in-order.js'

const rows = Number(process.argv[2])
const signal = new AbortController().signal

function* inputs() {
  for (let row = 0; row < rows; row++) yield row
}

/** About what a verdict takes. */
const work = async (row) => {
  if (row % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
  return { row, text: `Safety: Safe ${row}`, scores: Array.from({ length: 200 }, (_, i) => i + row) }
}

let next = 0
for await (const { row } of inOrder(inputs(), work, 16, signal)) {
  if (row !== next++) throw new Error(`row ${row} came in place of ${next - 1}`)
}
console.log(`${next} rows`)
