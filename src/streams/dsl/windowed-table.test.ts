import { describe, expect, expectTypeOf, test } from 'vitest'
import { OneProcess } from '../../../test/streams/one-process.ts'
import { json, string } from '../../client/serializer.ts'
import { topic } from '../../client/topic.ts'
import { ConfigError } from '../../core/errors.ts'
import type { Windowed } from '../windowed.ts'
import { windowedKey } from '../windowed-key.ts'
import { Window } from '../windows.ts'
import type { StreamBuilder } from './stream-builder.ts'
import type { WindowedTable, WindowResult } from './windowed-table.ts'

const tens = Window.tumbling('10ms')
const at = (key: string, timestamp: number, value: unknown = 1) => ({ key, value, timestamp })
const grouped = (builder: StreamBuilder) => builder.stream<number>('in').groupByKey()
const counted = (builder: StreamBuilder) => grouped(builder).window(tens).count()
const written = (process: OneProcess) =>
  process.outputs.map(({ topic, key, value }) => [topic, String(key), String(value)])

test('forEach has key, window and whether it is the last result', async () => {
  const seen: unknown[] = []
  const see = (key: string, { value, start, end, isFinal }: WindowResult<number>) =>
    void seen.push([key, value, start.getTime(), end.getTime(), isFinal])
  const process = new OneProcess((builder) => {
    counted(builder).forEach(see)
    counted(builder).final().forEach(see)
    counted(builder).suppress({ until: 'close' }).forEach(see)
  })
  await process.send(at('a', 1), at('a', 10))
  expect(seen).toEqual([
    ['a', 1, 0, 10, false],
    ['a', 1, 10, 20, false],
    ['a', 1, 0, 10, true],
    ['a', 1, 0, 10, true],
  ])
})

test('a callback that takes its time is waited for, in order', async () => {
  const seen: unknown[] = []
  const process = new OneProcess((builder) => {
    grouped(builder)
      .window(Window.hopping('10ms', { every: '5ms' }))
      .count()
      .forEach(async (_key, { start }) => {
        await Promise.resolve()
        seen.push(start.getTime())
      })
    grouped(builder)
      .window(Window.session('5ms'))
      .count()
      .forEach(async (_key, { value, end }) => {
        await Promise.resolve()
        seen.push([value, end.getTime()])
      })
  })
  await process.send(at('a', 7), at('a', 9))
  expect(seen).toEqual([0, 5, [1, 7], 0, 5, [null, 7], [2, 9]])
})

test('filter deletes what it takes no longer, and leaves out last results', async () => {
  const process = new OneProcess((builder) => {
    const odd = counted(builder).filter((count) => count % 2 === 1)
    odd.to('updates')
    odd.final().to('finals')
  })
  await process.send(at('a', 1), at('a', 2), at('b', 3), at('c', 10))
  const values = (of: string) =>
    written(process)
      .filter(([topic]) => topic === of)
      .map(([, key, value]) => [JSON.parse(key!).key, value])
  expect(values('updates')).toEqual([
    ['a', '1'],
    ['a', 'null'],
    ['b', '1'],
    ['c', '1'],
  ])
  expect(values('finals')).toEqual([['b', '1']])
})

test('map sees the window', async () => {
  const process = new OneProcess((builder) => {
    counted(builder)
      .map((count, { key, start }) => `${key} ${start.getTime()} ${count}`)
      .to('out')
  })
  await process.send(at('a', 11))
  expect(written(process)).toEqual([['out', '{"key":"a","start":10,"end":20}', '"a 10 1"']])
})

test('keys are written as they are asked for', async () => {
  const window = Window.session('5ms')
  const named = topic<number, Windowed>('c', { key: windowedKey(string, window) })
  const process = new OneProcess((builder) => {
    const counts = grouped(builder).window(window).count()
    counts.to('a', { key: 'binary' })
    counts.to('b', { key: 'json' })
    counts.to(named)
    counts.toStream().to('d')
  })
  await process.send(at('k', 3))
  const keys = process.outputs.map(({ key }) =>
    typeof key === 'string' ? key : Buffer.from(key!).toString('hex'),
  )
  const binary = '6b00000000000000030000000000000003'
  const text = '{"key":"k","start":3,"end":3}'
  expect(keys).toEqual([binary, text, binary, text])
})

test('windowed keys can be grouped again', async () => {
  const process = new OneProcess((builder) => {
    counted(builder)
      .toStream()
      .groupBy((_count, { key }) => key.start.toISOString())
      .count()
      .to('out')
    counted(builder).toStream().groupByKey().count().to('again')
  })
  await process.send(at('a', 1), at('b', 2))
  const values = (of: string) =>
    written(process).flatMap(([to, , value]) => (to === of ? value! : []))
  expect(values('out')).toEqual(['1', '2'])
  expect(values('again')).toEqual(['1', '1'])
})

describe('late records', () => {
  test.each([
    ['tumbling', tens],
    ['hopping', Window.hopping('10ms', { every: '5ms' })],
    ['sliding', Window.sliding('9ms')],
    ['session', Window.session('10ms')],
  ] as const)('go to their topic as they are, and are counted: %s', async (_kind, window) => {
    const process = new OneProcess((builder) => {
      const group = builder.stream<{ n: number }>('in').groupByKey()
      const table =
        window.kind === 'session'
          ? group.window(window).count({ late: 'late' })
          : group.window(window).count({ late: 'late' })
      table.final().to('out')
    })
    const headers = [['h', new Uint8Array([1])]] as const
    await process.send(at('a', 50), { ...at('b', 3, { n: 5 }), headers })
    expect(process.outputs).toEqual([
      { topic: 'late', partition: undefined, key: 'b', value: '{"n":5}', timestampMs: 3, headers },
    ])
    expect(process.dropped.map(({ reason }) => reason)).toEqual(['late'])
  })

  test('one that is late for some windows only goes there too, once', async () => {
    const process = new OneProcess((builder) => {
      const window = Window.hopping('10ms', { every: '2ms' })
      grouped(builder).window(window).count({ late: 'late' }).to('out')
    })
    await process.send(at('a', 14), at('a', 9, 2))
    const outputs = process.outputs.slice(5)
    expect(outputs.map(({ topic }) => topic)).toEqual(['late', 'out', 'out'])
    expect(process.dropped).toHaveLength(1)
  })

  test('they are written as a topic says', async () => {
    const process = new OneProcess((builder) => {
      const late = topic('late', { value: { ...json(), serialize: () => 'written' } })
      grouped(builder).window(tens).count({ late }).to('out')
    })
    await process.send(at('a', 50), at('a', 3))
    expect(written(process).at(-1)).toEqual(['late', 'a', 'written'])
  })
})

describe('cogroups', () => {
  const adding = (builder: StreamBuilder) =>
    grouped(builder)
      .cogroup<string[]>((list, value) => [...list, `n${value}`])
      .and(builder.stream<string>('names').groupByKey(), (list, name) => [...list, name])
  const inputs = [
    at('a', 1, 5),
    { ...at('a', 2, 'x'), topic: 'names' },
    at('a', 12, 6),
    { ...at('a', 3, 'late'), topic: 'names' },
  ]

  test('over windows', async () => {
    const process = new OneProcess((builder) => {
      adding(builder)
        .window(tens)
        .aggregate({ initial: () => [], late: 'late' })
        .to('out')
    })
    await process.send(...inputs)
    expect(written(process)).toEqual([
      ['out', '{"key":"a","start":0,"end":10}', '["n5"]'],
      ['out', '{"key":"a","start":0,"end":10}', '["n5","x"]'],
      ['out', '{"key":"a","start":10,"end":20}', '["n6"]'],
      ['late', 'a', '"late"'],
    ])
  })

  test('over sessions', async () => {
    const process = new OneProcess((builder) => {
      adding(builder)
        .window(Window.session('5ms', { grace: '9ms' }))
        .aggregate({ initial: () => [], merge: (a, b) => [...a, ...b] })
        .final()
        .to('out')
    })
    await process.send(...inputs, at('b', 90))
    expect(written(process)).toEqual([
      ['out', '{"key":"a","start":1,"end":3}', '["n5","x","late"]'],
      ['out', '{"key":"a","start":12,"end":12}', '["n6"]'],
    ])
  })
})

describe('sessions', () => {
  test('totals of the values own type need no merge', async () => {
    const process = new OneProcess((builder) => {
      const sessions = () => grouped(builder).window(Window.session('5ms', { grace: '9ms' }))
      sessions()
        .reduce((a, b) => Math.max(a, b))
        .final()
        .to('max')
      sessions()
        .reduce(0, (a, b) => a + b)
        .final()
        .to('sum')
      sessions()
        .reduce<string>('', (text, value) => text + value, { merge: (a, b) => a + b })
        .final()
        .to('text')
    })
    await process.send(at('a', 1, 3), at('a', 9, 4), at('a', 5, 1), at('b', 50, 0))
    expect(written(process).map(([topic, , value]) => [topic, value])).toEqual([
      ['max', '4'],
      ['sum', '8'],
      ['text', '"341"'],
    ])
  })

  test('a total of another type needs one', () => {
    const write = (builder: StreamBuilder) => {
      const sessions = grouped(builder).window(Window.session('5ms'))
      // @ts-expect-error: a string is no number
      sessions.reduce('', (text: string, value: number) => text + value)
      // @ts-expect-error: no merge
      const bad = () => sessions.aggregate({ initial: () => '', add: (a, b) => a + b })
      expect(bad).toThrow(ConfigError)
      expect(bad).toThrow(/aggregate of sessions: merge needs a function/)
      const sum = sessions.reduce(0, (a, b) => a + b)
      expectTypeOf(sum).toEqualTypeOf<WindowedTable<number, string>>()
    }
    new OneProcess(write)
  })

  test('a record of the moment that a session is of does not take it back', async () => {
    const process = new OneProcess((builder) => {
      grouped(builder).window(Window.session('5ms')).count().to('out')
    })
    await process.send(at('a', 3), at('a', 3))
    expect(written(process).map(([, , value]) => value)).toEqual(['1', '2'])
  })

  test('one that is not told of yet is not written over', async () => {
    const process = new OneProcess((builder) => {
      grouped(builder).window(Window.session('5ms')).count().final().to('out')
    })
    // At 8 the session of 3 is over, but closes only after 8.
    await process.send(at('a', 3), at('b', 8), at('a', 3), at('b', 9))
    expect(written(process)).toEqual([['out', '{"key":"a","start":3,"end":3}', '2']])
  })
})

describe('what is wrong is told where it is given', () => {
  test.each<[string, (builder: StreamBuilder) => unknown, RegExp]>([
    ['no window', (b) => grouped(b).window(undefined as never), /window needs a window: Window/],
    ['no window', (b) => grouped(b).window({ kind: 'x' } as never), /window needs a window/],
    [
      'late',
      (b) =>
        grouped(b)
          .window(tens)
          .count({ late: 3 as never }),
      /topic/,
    ],
    [
      'an option that there is not',
      (b) =>
        grouped(b)
          .window(tens)
          .count({ emit: 1 } as never),
      /count has no option 'emit'/,
    ],
    ['filter', (b) => counted(b).filter(1 as never), /filter needs a function/],
    ['map', (b) => counted(b).map('x' as never), /map needs a function/],
    ['forEach', (b) => counted(b).forEach(null as never), /forEach needs a function/],
    ['to', (b) => counted(b).to('out', { key: 'xml' as never }), /'json' or 'binary'/],
    ['to', (b) => counted(b).to(topic('out') as never, { key: 'json' }), /leave out the option/],
    ['suppress', (b) => counted(b).suppress({} as never), /suppress needs until/],
    ['suppress', (b) => counted(b).suppress(undefined as never), /suppress needs until/],
    ['suppress', (b) => counted(b).suppress({ until: 'soon' as never }), /suppress: until/],
    [
      'suppress',
      (b) => counted(b).suppress({ until: 'close', maxRecords: 5 } as never),
      /maxRecords and maxBytes cannot be set/,
    ],
    [
      'suppress',
      (b) => counted(b).suppress({ until: '1s', maxRecords: 0 }),
      /maxRecords must be a whole number/,
    ],
    [
      'suppress',
      (b) => counted(b).suppress({ until: '1s', maxBytes: 'x' as never }),
      /maxBytes must be a whole number/,
    ],
    [
      'suppress of a table without windows',
      (b) =>
        grouped(b)
          .count()
          .suppress({ until: 'close' as never }),
      /is for windowed tables/,
    ],
    [
      'count of a cogroup',
      (b) =>
        grouped(b)
          .cogroup<number>((a) => a)
          .window(tens)
          .count(),
      /count is of one stream/,
    ],
    [
      'cogroup',
      (b) =>
        grouped(b)
          .cogroup<number>((a) => a)
          .window(tens)
          .aggregate({} as never),
      /cogroup: initial needs a function/,
    ],
  ])('%s', (_what, write, message) => {
    const writing = () => new OneProcess((builder) => void write(builder))
    expect(writing).toThrow(ConfigError)
    expect(writing).toThrow(message)
  })

  test('an aggregator that returns a promise', async () => {
    const process = new OneProcess((builder) => {
      grouped(builder)
        .window(tens)
        .reduce(0, (async () => 1) as never)
        .to('out')
    })
    await expect(async () => process.send(at('a', 1))).rejects.toThrow(/returned a promise/)
  })
})
