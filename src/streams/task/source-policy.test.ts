import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../core/bytes.ts'
import { ConfigError } from '../../core/errors.ts'
import { StreamTestDriver } from '../../testing/stream-test-driver.ts'
import type { Stream } from '../dsl/stream.ts'
import type { StreamBuilder } from '../dsl/stream-builder.ts'
import { StreamProcessingError } from './errors.ts'
import type { StreamOnError } from './stream-error-policy.ts'

const unreadable = encodeUtf8('{oops')
const positive = (n: number) => {
  if (n < 0) throw new RangeError('below 0')
  return n
}
const counted = (stream: Stream<number, string | null>) =>
  stream
    .groupBy((n) => `key ${n}`)
    .reduce(0, (total, n) => total + positive(n))
    .to('totals')
const values = (driver: StreamTestDriver, topic: string) =>
  driver.read(topic).map(({ value }) => value)

describe('onError of a source', () => {
  const two = (app: StreamBuilder) => {
    app.stream<number>('strict').map(positive).to('out')
    app.stream<number>('lenient', { onError: 'skip' }).map(positive).to('out')
  }

  test('holds for what cannot be read and for callbacks below it, the application’s for other sources', () => {
    const driver = new StreamTestDriver(two)
    driver.send('lenient', unreadable)
    driver.send('lenient', -1)
    driver.send('lenient', 1)
    expect(values(driver, 'out')).toEqual([1])
    expect(driver.metrics().skipped).toEqual({ failed: 2 })
    expect(() => driver.send('strict', -1)).toThrow(StreamProcessingError)
  })

  test('comes before the application’s', () => {
    const driver = new StreamTestDriver(
      (app) => {
        app
          .stream<number>('in', { onError: { deadLetter: 'of-source' } })
          .map(positive)
          .to('out')
      },
      { onError: { deadLetter: 'of-application' } },
    )
    driver.send('in', -1)
    expect(values(driver, 'of-source')).toEqual([-1])
    expect(driver.read('of-application')).toEqual([])
  })

  test('"stop" stops where the application would go on', () => {
    const driver = new StreamTestDriver(
      (app) => void app.stream<number>('in', { onError: 'stop' }).map(positive).to('out'),
      { onError: 'skip' },
    )
    expect(() => driver.send('in', -1)).toThrow(/below 0/)
  })

  test('of two chains that read one topic, the one that failed has its say', () => {
    const driver = new StreamTestDriver((app) => {
      app.stream<number>('in', { onError: 'stop' }).to('copy')
      app
        .stream<number>('in', { onError: { deadLetter: 'dead' } })
        .map(positive)
        .to('out')
    })
    driver.send('in', -1)
    expect(values(driver, 'dead')).toEqual([-1])
    expect(driver.read('copy')).toEqual([])
    expect(() => driver.send('in', unreadable)).toThrow(/cannot be read/)
  })

  test('holds where a callback rejects', async () => {
    const driver = new StreamTestDriver((app) => {
      app
        .stream<number>('in', { onError: 'skip' })
        .map(async (n) => positive(n))
        .to('out')
    })
    await driver.sendAsync('in', -1)
    await driver.sendAsync('in', 2)
    expect(values(driver, 'out')).toEqual([2])
  })

  test('holds behind a repartition', () => {
    const driver = new StreamTestDriver(
      (app) => void counted(app.stream<number>('in', { onError: 'skip' })),
    )
    driver.send('in', -1)
    driver.send('in', 3)
    expect(values(driver, 'totals')).toEqual([3])
  })

  test('does not behind a repartition to which a source leads that says otherwise', () => {
    const driver = new StreamTestDriver((app) => {
      const lenient = app.stream<number>('lenient', { onError: 'skip' })
      counted(lenient.merge(app.stream<number>('other')))
    })
    driver.send('lenient', unreadable)
    expect(() => driver.send('lenient', -1)).toThrow(/below 0/)
  })

  test.each([
    ['a word', 'ignore'],
    ['a number', 5],
    ['null', null],
  ])('%s is refused', (_, onError) => {
    const build = (app: StreamBuilder) =>
      void app.stream('in', { onError: onError as unknown as StreamOnError }).to('out')
    expect(() => new StreamTestDriver(build)).toThrow(ConfigError)
    expect(() => new StreamTestDriver(build)).toThrow(/stream: onError/)
  })
})
