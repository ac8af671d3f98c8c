import { expect, it } from 'vitest'
import { Solitude } from '../../lib/queue/solitude.js'

const { signal } = new AbortController()
const turn = () => new Promise((resolve) => setImmediate(resolve))

it('one that wants to be alone waits for all others, and nobody begins beside it', async () => {
  const solitude = new Solitude()
  const [first, second] = [await solitude.enter(false, signal), await solitude.enter(false, signal)]
  const order: string[] = []
  const entering = (name: string, alone: boolean) =>
    solitude.enter(alone, signal).then((leave) => {
      order.push(name)
      return leave
    })
  const [alone, behind, again] = [entering('alone', true), entering('behind', false), entering('again', true)]
  first()
  await turn()
  expect(order).toEqual([])
  second()
  const leave = await alone
  await turn()
  expect(order).toEqual(['alone'])
  leave()
  const leaveBehind = await behind
  await turn()
  expect(order).toEqual(['alone', 'behind'])
  leaveBehind()
  await again
  expect(order).toEqual(['alone', 'behind', 'again'])
})

it('who is told to stop leaves the line, and holds nobody up behind it', async () => {
  const solitude = new Solitude()
  const first = await solitude.enter(false, signal)
  const stop = new AbortController()
  const alone = solitude.enter(true, stop.signal)
  const behind = solitude.enter(false, signal)
  stop.abort(new Error('enough'))
  await expect(alone).rejects.toThrow('enough')
  ;(await behind)()
  first()
  await expect(solitude.enter(true, stop.signal)).rejects.toThrow('enough')
  ;(await solitude.enter(true, signal))()
})
