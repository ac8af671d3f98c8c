// What else the machine did. A decode on two threads that shares one of two cores with another process takes three times as long, and
// that looks like whatever one is looking for: so a figure says how much of the processors was not its own.
import os from 'node:os'
import { quiet, waitsForQuiet } from '../measure.mjs'

/** A turn in which others had more of the processors is taken again, so many times. */
const MOST = 0.1
const AGAIN = 2

/** Does `work`, and says what share of the processors went to other processes than these contenders and this one. */
export async function undisturbed(contenders, work) {
  for (let again = AGAIN; ; again--) {
    await quiet()
    const turn = await besideOthers(contenders, work)
    if (turn.others <= MOST || again === 0 || !waitsForQuiet()) return turn
  }
}

async function besideOthers(contenders, work) {
  const before = await spent(contenders)
  const since = performance.now()
  const done = await work()
  const ms = performance.now() - since
  const after = await spent(contenders)
  const others = after.all - before.all - (after.own - before.own)
  return { ...done, others: Math.min(1, Math.max(0, others / (ms * os.cpus().length))) }
}

async function spent(contenders) {
  const { user, system } = process.cpuUsage()
  const own = await Promise.all(contenders.map(async (contender) => (await contender.run('cpu')).result))
  const all = os.cpus().map(({ times: { user, nice, sys, irq } }) => user + nice + sys + irq)
  return { own: sum([(user + system) / 1000, ...own]), all: sum(all) }
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)
