import { expect, test } from 'vitest'
import { OneProcess } from '../../../test/streams/one-process.ts'
import type { StreamBuilder } from '../dsl/stream-builder.ts'
import type { SuppressOptions } from '../dsl/suppression.ts'
import { Operator, type Receive } from '../operator.ts'

const at = (key: string, timestamp: number, value: unknown = 1) => ({ key, value, timestamp })

function totals(options: SuppressOptions) {
  return new OneProcess((builder: StreamBuilder) => {
    builder
      .stream<number | null, string>('in')
      .groupByKey()
      // Of -1: deleted.
      .aggregate<string | null>({
        initial: () => '',
        add: (text, value) => (value === -1 ? null : `${text ?? ''}${value}`),
      })
      .suppress(options)
      .to('out')
  })
}

const written = (process: OneProcess) =>
  process.outputs.map(({ key, value, timestampMs }) => [key, value && String(value), timestampMs])

test('the last change of each key goes out when its first has waited long enough', async () => {
  const process = totals({ until: '10ms' })
  await process.send(at('a', 1), at('a', 9), at('b', 10), at('c', 11))
  expect(written(process)).toEqual([['a', '"11"', 9]])
})

test('a key that comes and goes while it is held back is told of as deleted', async () => {
  const process = totals({ until: '10ms' })
  await process.send(at('a', 1), at('a', 2, -1), at('b', 20), at('b', 21), at('c', 35, -1))
  expect(written(process)).toEqual([
    ['a', null, 2],
    ['b', '"11"', 21],
  ])
  await process.send(at('b', 40, -1))
  await process.send(at('d', 60))
  expect(written(process)).toEqual([
    ['a', null, 2],
    ['b', '"11"', 21],
    ['c', null, 35],
    ['b', null, 40],
  ])
})

test('what has waited longest goes out early when there are too many', async () => {
  const process = totals({ until: '10s', maxRecords: 2 })
  await process.send(at('a', 1), at('b', 2), at('a', 3), at('c', 4), at('c', 5))
  expect(written(process)).toEqual([['a', '"11"', 3]])
})

test('what has waited longest goes out early when it is too much', async () => {
  // A key of one character, two lengths of four bytes, and values of three and more characters.
  const process = totals({ until: '10s', maxBytes: 30 })
  await process.send(at('a', 1), at('b', 2))
  expect(written(process)).toEqual([])
  process.commit()
  process.restart()
  await process.send(at('a', 3, 12345678))
  expect(written(process)).toEqual([['a', '"112345678"', 3]])
})

test('what it takes is counted anew after an abort', async () => {
  // 12 bytes for each of three keys.
  const process = totals({ until: '10s', maxBytes: 40 })
  await process.send(at('a', 1), at('b', 2), at('c', 3))
  process.commit()
  for (const _attempt of [1, 2]) {
    await process.send(at('c', 4, 12345))
    expect(written(process)).toEqual([['a', '"1"', 1]])
    process.abort()
  }
})

test('what a record that failed has put in is not counted', async () => {
  const skips = () => ({ retry: undefined, finally: 'skip', deadLetter: undefined }) as const
  const process = new OneProcess((builder) => {
    let failures = 1
    const fail = (value: string) => {
      if (failures-- > 0) throw new Error('not now')
      return value
    }
    const texts = builder
      .stream<number>('in')
      .groupByKey()
      .reduce<string>('', (a, b) => `${a}${b}`)
    texts.suppress({ until: '10s', maxBytes: 40 }).map(fail).to('out')
  }, skips)
  await process.send(at('a', 1, 'x'.repeat(40)), at('b', 3))
  expect(process.failures).toHaveLength(1)
  expect(written(process)).toEqual([])
})

test('those below are told what they knew before', async () => {
  const seen: unknown[] = []
  const process = new OneProcess((builder) => {
    const { at } = builder.stream<number>('in').groupByKey().count().suppress({ until: '10ms' })
    const see: Receive = ({ key, value }, old) => void seen.push([key, value, old])
    at.draft.end(new Operator({ kind: 'see', parents: [at.operator], create: () => [see] }))
  })
  await process.send(at('a', 1), at('a', 2), at('b', 20), at('a', 21), at('a', 22), at('b', 40))
  // Not 3, which was held back: who subtracts what it knew would go wrong.
  expect(seen).toEqual([
    ['a', 2, null],
    ['b', 2, null],
    ['a', 4, 2],
  ])
})

test('its changelog has what is held, and nothing of what went out', async () => {
  const process = totals({ until: '10ms' })
  await process.send(at('a', 1), at('b', 2))
  process.commit()
  const store = process.topology.stores.find(({ kind }) => kind === 'buffer')!
  expect(process.changelog(store.name).map(([key]) => Buffer.from(key).toString('hex'))).toEqual([
    '6100000000000000010000000000000001',
    '6200000000000000020000000000000002',
  ])
  await process.send(at('c', 30))
  process.commit()
  expect(process.changelog(store.name)).toHaveLength(1)
})
