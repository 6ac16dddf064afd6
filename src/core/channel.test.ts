import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Channel } from './channel.ts'
import { ClosedError, ConfigError } from './errors.ts'

test('values come out in order, whatever the capacity and whoever waits for whom', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(5),
      fc.array(fc.nat(), { maxLength: 30 }),
      fc.boolean(),
      async (capacity, values, receivesFirst) => {
        const channel = new Channel<number>(capacity)
        const receive = async () => {
          const received: number[] = []
          for await (const value of channel) received.push(value)
          return received
        }
        const send = async () => {
          for (const value of values) await channel.send(value)
          channel.close()
        }
        const receiving = receivesFirst ? receive() : undefined
        const sending = send()
        expect(await (receiving ?? receive())).toEqual(values)
        await sending
      },
    ),
  )
})

test('a send waits while the channel is full', async () => {
  const channel = new Channel<string>(1)
  await channel.send('a')
  let isSent = false
  const second = channel.send('b').then(() => {
    isSent = true
  })
  await Promise.resolve()
  expect([isSent, channel.size]).toEqual([false, 1])
  expect(await channel.receive()).toBe('a')
  await second
  expect(await channel.receive()).toBe('b')
})

test('workers share the values, each of which goes to one', async () => {
  const channel = new Channel<number>(10)
  const seen: number[] = []
  const workers = Array.from({ length: 4 }, async () => {
    for await (const value of channel) seen.push(value)
  })
  for (let n = 0; n < 100; n++) await channel.send(n)
  channel.close()
  await Promise.all(workers)
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n))
})

test('closing lets what waits be received, and nothing more be sent', async () => {
  const channel = new Channel<number>(1)
  await channel.send(1)
  const late = channel.send(2)
  channel.close()
  channel.close()
  await expect(late).rejects.toThrow(ClosedError)
  await expect(channel.send(3)).rejects.toThrow(ClosedError)
  expect(await channel.receive()).toBe(1)
  expect(await channel.receive()).toBeUndefined()
})

test('a value may be undefined', async () => {
  const channel = new Channel<undefined>(2)
  await channel.send(undefined)
  await channel.send(undefined)
  channel.close()
  const seen: unknown[] = []
  for await (const value of channel) seen.push(value)
  expect(seen).toEqual([undefined, undefined])
})

test.each([-1, 1.5, Number.NaN])('a capacity of %d is an error', (capacity) => {
  expect(() => new Channel(capacity)).toThrow(ConfigError)
})

test('three next() at once on one iterator settle in their order', async () => {
  const channel = new Channel<number>()
  const iterator = channel[Symbol.asyncIterator]()
  const order: number[] = []
  const calls = [0, 1, 2].map(async (nth) => {
    const answer = await iterator.next()
    order.push(nth)
    return answer
  })
  for (const value of [1, 2]) await channel.send(value)
  channel.close()
  expect(await Promise.all(calls)).toEqual([
    { value: 1, done: false },
    { value: 2, done: false },
    { value: undefined, done: true },
  ])
  expect(order).toEqual([0, 1, 2])
})

test.each(['return', 'throw'] as const)(
  '%s() ends a next() that waits, and the value goes to who still wants one',
  async (how) => {
    const channel = new Channel<number>()
    const [leaving, staying] = [channel[Symbol.asyncIterator](), channel[Symbol.asyncIterator]()]
    const left = leaving.next()
    const next = staying.next()
    if (how === 'return') await leaving.return!()
    else await expect(leaving.throw!(new Error('mine'))).rejects.toThrow('mine')
    expect(await left).toEqual({ value: undefined, done: true })
    await channel.send(1)
    expect(await next).toEqual({ value: 1, done: false })
    expect(await leaving.next()).toEqual({ value: undefined, done: true })
  },
)
