import { describe, expect, test } from 'vitest'
import { OneProcess } from '../../../test/streams/one-process.ts'
import type { GroupedStream } from '../dsl/grouped-stream.ts'
import type { StreamBuilder } from '../dsl/stream-builder.ts'
import { Window } from '../windows.ts'
import { StreamProcessingError } from './errors.ts'

const at = (key: string, timestamp: number) => ({ key, value: 1, timestamp })
const grouped = (builder: StreamBuilder): GroupedStream<number, string> =>
  builder.stream<number>('in').groupByKey()
const idle = '20ms'

const shapes: readonly [kind: string, write: (builder: StreamBuilder) => void][] = [
  [
    'tumbling',
    (b) => void grouped(b).window(Window.tumbling('10ms', { idle })).count().final().to('out'),
  ],
  [
    'sliding',
    (b) => void grouped(b).window(Window.sliding('9ms', { idle })).count().final().to('out'),
  ],
  [
    'session',
    (b) => void grouped(b).window(Window.session('9ms', { idle })).count().final().to('out'),
  ],
  [
    'suppress until close',
    (b) =>
      void grouped(b)
        .window(Window.tumbling('10ms', { idle }))
        .count()
        .suppress({ until: 'close' })
        .to('out'),
  ],
  ['suppress', (b) => void grouped(b).count().suppress({ until: '9ms', idle }).to('out')],
]

const values = (process: OneProcess) => process.outputs.map(({ value }) => String(value))

describe.each(shapes)('%s', (_kind, write) => {
  test('time moves on in a silence that is long enough, as long as something is open', async () => {
    const process = new OneProcess(write)
    await process.idle(100)
    expect(process.outputs).toEqual([])
    await process.send(at('a', 3), at('a', 3))
    await process.idle(19)
    expect(process.outputs).toEqual([])
    await process.idle(20)
    expect(values(process)).toEqual(['2'])
    const time = () =>
      Math.max(...process.tasks.flatMap(({ times }) => [...times.values()].map(({ now }) => now)))
    expect(time()).toBe(23)
    await process.idle(1_000)
    const last = time()
    expect(last).toBeLessThan(100)
    await process.idle(10_000)
    expect(time()).toBe(last)
    await process.send(at('b', 100))
    await process.idle(25)
    expect(values(process)).toEqual(['2', '1'])
  })

  test('it is committed and taken back as what a record does', async () => {
    const process = new OneProcess(write)
    await process.send(at('a', 3))
    process.commit()
    await process.idle(20)
    expect(process.tasks.some((task) => task.hasChanges())).toBe(true)
    process.abort()
    expect(process.outputs).toEqual([])
    expect(process.tasks.some((task) => task.hasChanges())).toBe(false)
    process.restart()
    await process.idle(20)
    process.commit()
    process.restart()
    await process.send(at('b', 50))
    expect(values(process)).toEqual(['1'])
  })
})

test('a result that fails in a silence stops the stream, with nothing done, or is passed over by itself', async () => {
  const write = (builder: StreamBuilder) => {
    let failures = 1
    const fail = () => {
      if (failures-- > 0) throw new Error('not now')
    }
    const counts = grouped(builder).window(Window.tumbling('10ms', { idle })).count()
    counts.final().forEach(async () => fail())
  }
  const stopping = new OneProcess(write)
  await stopping.send(at('a', 3))
  const failure = await stopping.idle(20).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(StreamProcessingError)
  expect(String(failure)).toMatch(/the silence of in-0 in 'forEach': not now/)
  expect([...stopping.tasks[0]!.times.values()].map(({ now }) => now)).toEqual([3])

  const skips = () => ({ retry: undefined, finally: 'skip', deadLetter: undefined }) as const
  const skipping = new OneProcess(write, skips)
  await skipping.send(at('a', 3))
  await skipping.idle(20)
  expect(skipping.failures).toHaveLength(1)
  expect([...skipping.tasks[0]!.times.values()].map(({ now }) => now)).toEqual([23])
})
