import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../core/errors.ts'
import { RecordStream, type Source } from './record-stream.ts'

/** Gives out what it is given, when it is given. */
class GivenSource implements Source<number> {
  readonly items: number[] = []
  isStopped = false
  #wake: () => void = () => undefined

  give(...items: number[]): void {
    this.items.push(...items)
    this.#wake()
  }

  take(): number | undefined {
    return this.items.shift()
  }

  async ready(): Promise<boolean> {
    while (this.items.length === 0 && !this.isStopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return !this.isStopped
  }

  handled(): void {}

  async stop(): Promise<void> {
    this.isStopped = true
    this.#wake()
  }
}

function open() {
  const source = new GivenSource()
  return { source, stream: new RecordStream<number>(() => source) }
}

const item = (value: number) => ({ value, done: false })
const over = { value: undefined, done: true }

describe('calls of an iterator that come before the last has its answer', () => {
  const streams: [string, (stream: RecordStream<number>) => RecordStream<number>][] = [
    ['a stream', (stream) => stream],
    ['filter', (stream) => stream.filter(() => true)],
    ['map', (stream) => stream.map((value) => value)],
    ['take', (stream) => stream.take(3)],
  ]
  test.each(streams)('%s: three next() settle in their order', async (_, derive) => {
    const { source, stream } = open()
    const iterator = derive(stream)[Symbol.asyncIterator]()
    const order: number[] = []
    const calls = [0, 1, 2].map(async (nth) => {
      const answer = await iterator.next()
      order.push(nth)
      return answer
    })
    source.give(1)
    source.give(2, 3)
    expect(await Promise.all(calls)).toEqual([item(1), item(2), item(3)])
    expect(order).toEqual([0, 1, 2])
  })

  test('after the last of take they are done', async () => {
    const { source, stream } = open()
    const iterator = stream.take(1)[Symbol.asyncIterator]()
    const calls = [iterator.next(), iterator.next(), iterator.next()]
    source.give(1, 2)
    expect(await Promise.all(calls)).toEqual([item(1), over, over])
    expect(source.isStopped).toBe(true)
  })

  test('return() ends a next() that waits, and each has its answer in order', async () => {
    const { stream } = open()
    const iterator = stream[Symbol.asyncIterator]()
    const calls = [iterator.next(), iterator.next(), iterator.return!(), iterator.next()]
    expect(await Promise.all(calls)).toEqual([over, over, over, over])
  })

  test('throw() stops the source and rejects with its error', async () => {
    const { source, stream } = open()
    const iterator = stream[Symbol.asyncIterator]()
    const waiting = iterator.next()
    await expect(iterator.throw!(new Error('mine'))).rejects.toThrow('mine')
    expect(await waiting).toEqual(over)
    expect(source.isStopped).toBe(true)
    expect(await iterator.next()).toEqual(over)
  })

  test('the first to meet an error rejects with it; those behind it are done', async () => {
    const { source, stream } = open()
    const failing = stream.map((value) => {
      if (value === 2) throw new Error('no 2')
      return value
    })
    const iterator = failing[Symbol.asyncIterator]()
    const calls = [iterator.next(), iterator.next(), iterator.next()]
    source.give(1, 2, 3)
    const [first, second, third] = await Promise.allSettled(calls)
    expect(first).toMatchObject({ value: item(1) })
    expect(second).toMatchObject({ reason: { message: 'no 2' } })
    expect(third).toMatchObject({ value: over })
  })
})

describe('what cannot be meant is refused', () => {
  const { stream } = open()
  test.each([1.5, -1, Number.NaN, '3', 3n, null])('take(%s)', (count) => {
    expect(() => stream.take(count as number)).toThrow(ConfigError)
  })

  test('filter and map of what is no function', () => {
    expect(() => stream.filter(null as never)).toThrow('filter takes a function; got null')
    expect(() => stream.map('x' as never)).toThrow('map takes a function; got "x"')
  })

  test('forEach of what is no function', async () => {
    await expect(stream.forEach('x' as never)).rejects.toThrow('forEach takes a function; got "x"')
  })

  test('a predicate of filter that gives a promise, also one that rejects', async () => {
    for (const answer of [Promise.resolve(false), Promise.reject(new Error('unseen'))]) {
      const { source, stream: own } = open()
      source.give(1)
      const reading = own.filter((() => answer) as never).toArray()
      await expect(reading).rejects.toThrow('must be synchronous')
      expect(source.isStopped).toBe(true)
    }
  })
})

test('of two errors the first is told: that of the handler, not that of stopping', async () => {
  const { source } = open()
  const stream = new RecordStream<number>(() => ({
    take: () => source.take(),
    ready: () => source.ready(),
    handled: () => undefined,
    stop: () => Promise.reject(new Error('stopping failed')),
  }))
  source.give(1)
  const reading = stream.forEach(() => {
    throw new Error('handling failed')
  })
  await expect(reading).rejects.toThrow('handling failed')
})
