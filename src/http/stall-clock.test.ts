import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { TestClock } from '../testing/test-clock.ts'
import { StallClock } from './stall-clock.ts'

function open() {
  const clock = new TestClock()
  const stalls = new StallClock(clock)
  const stalled: string[] = []
  const watch = (name: string, timeoutMs = 1000) =>
    stalls.watch(timeoutMs, () => stalled.push(name))
  return { clock, stalls, stalled, watch }
}

test('what does not move is told of once, what moves or rests is not', async () => {
  const { clock, stalled, watch } = open()
  watch('still')
  const moving = watch('moving')
  const resting = watch('resting')
  resting.rest()
  resting.rest()
  for (let i = 0; i < 4; i++) {
    await clock.advance(500)
    moving.touch()
  }
  expect(stalled).toEqual(['still'])
  resting.touch()
  await clock.advance(1600)
  expect(stalled).toEqual(['still', 'moving', 'resting'])
  await clock.advance(10_000)
  expect(stalled).toHaveLength(3)
})

test('one that stalls may end another, and begin a new one', async () => {
  const { clock, stalls, stalled, watch } = open()
  stalls.watch(1000, () => {
    other.rest()
    watch('new')
  })
  const other = watch('other')
  await clock.advance(1600)
  expect(stalled).toEqual([])
  await clock.advance(1600)
  expect(stalled).toEqual(['new'])
})

test('the shortest time of all is kept', async () => {
  const { clock, stalled, watch } = open()
  watch('long', 60_000)
  await clock.advance(1000)
  watch('short', 100)
  await clock.advance(200)
  expect(stalled).toEqual(['short'])
  await clock.advance(60_000)
  expect(stalled).toEqual(['short', 'long'])
})

test('what has ended is garbage at once, however many come and go', () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options?: { type: 'minor' }) => void
  const { stalls } = open()
  const comeAndGo = (count: number) => {
    let before = stalls.watch(60_000, () => undefined)
    for (let i = 0; i < count; i++) {
      const held = new Array<number>(1000).fill(i)
      const next = stalls.watch(60_000, () => void held.length)
      before.rest()
      before = next
      // As the collector does it all the time; what is old by now it leaves alone.
      if (i % 500 === 0) gc({ type: 'minor' })
    }
    before.rest()
  }
  comeAndGo(2000)
  gc()
  const usedBefore = process.memoryUsage().heapUsed
  comeAndGo(10_000)
  gc({ type: 'minor' })
  gc({ type: 'minor' })
  // All of them would hold 80 MB; those that a Set keeps held 28.
  expect(process.memoryUsage().heapUsed - usedBefore).toBeLessThan(8_000_000)
})
