/** Options of a stream application, given values of wrong types: each is refused by its name, with what is allowed. */
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/core/errors.ts'
import { Client } from '../../src/entry/client.ts'
import type { StreamRun } from '../../src/streams/dsl/stream-run.ts'
import { valuesOfEveryType } from '../values-of-every-type.ts'

const isNothing = () => false
const isFunction = (value: unknown) => typeof value === 'function'
/** Durations may be parts of milliseconds. */
const isDuration = (value: unknown) => value === 1.5
const isText = (value: unknown) => typeof value === 'string' && value !== ''

const isEmpty = (value: unknown) =>
  Object.prototype.toString.call(value) === '[object Object]' &&
  Object.keys(value as object).length === 0

/** Options, and which of the values are right. */
const options: { readonly [name: string]: (value: unknown) => boolean } = {
  // The group's name may be anything; what is called after it is checked when it is.
  app: isText,
  guarantee: isNothing,
  commitInterval: isDuration,
  // No retries, and then it stops.
  onError: (value) => isFunction(value) || isEmpty(value),
  offset: isNothing,
  replicationFactor: (value) => value === -1,
  maxTaskIdle: isDuration,
  transactionTimeout: isNothing,
  sessionTimeout: isNothing,
  heartbeatInterval: isNothing,
  rebalanceTimeout: isNothing,
  groupInstanceId: isText,
  giveUpAfter: isDuration,
  upgrade: isNothing,
  standbys: isNothing,
  maxLag: isNothing,
  state: isNothing,
  cacheBytes: isNothing,
  cleanupDelay: isDuration,
  maxStateBytes: isNothing,
  signal: isNothing,
}

let kafka: Client
beforeAll(() => {
  kafka = new Client('memory:')
})
afterAll(() => kafka.close())

function errorOf(run: () => unknown): unknown {
  try {
    run()
    return undefined
  } catch (error) {
    return error
  }
}

function told(values: readonly unknown[], name: string, run: (value: unknown) => unknown) {
  return values.flatMap((value) => {
    const error = errorOf(() => run(value))
    if (error instanceof ConfigError && error.message.includes(name)) return []
    return [`${inspect(value)}: ${String(error)}`]
  })
}

test.each(Object.entries(options))('%s', (name, isRight) => {
  const wrong = valuesOfEveryType.filter((value) => !isRight(value))
  const start = (value: unknown) => kafka.streams({ app: 'a', [name]: value } as never)
  expect(told(wrong, name, start)).toEqual([])
})

test('a name that its own topics cannot have is told before anything runs', async () => {
  for (const app of ['my app', 'a/b', 'x'.repeat(245)]) {
    const streams = kafka.streams({ app })
    streams.stream('in').groupByKey().count({ store: 'counts' }).to('out')
    await expect(streams.start()).rejects.toThrow(/app/)
    await expect(streams.start()).rejects.toThrow(ConfigError)
  }
})

test('an unknown option, and options that are none', () => {
  expect(() => kafka.streams({ app: 'a', comitInterval: 5 } as never)).toThrow(/comitInterval/)
  const wrong = valuesOfEveryType.filter(
    (value) => Object.prototype.toString.call(value) !== '[object Object]',
  )
  expect(told(wrong, '', (value) => kafka.streams(value as never))).toEqual([])
})

describe('of a run', () => {
  let run: StreamRun
  beforeAll(async () => {
    run = kafka
      .stream('numbers', { app: 'asked' })
      .groupByKey()
      .count({ store: 'counts' })
      .forEach(() => {})
    await run.ready
  })
  afterAll(() => run.close())

  test('names of stores', () => {
    expect(told(valuesOfEveryType, 'store', (name) => run.store(name as never))).toEqual([])
    expect(told(valuesOfEveryType, 'store', (name) => run.locate(name as never, 'a'))).toEqual([])
  })

  test('keys', () => {
    const wrong = valuesOfEveryType.filter((value) => typeof value !== 'string')
    for (const ask of [
      (key: unknown) => run.store('counts').get(key as never),
      (key: unknown) => run.locate('counts', key as never),
      (key: unknown) => [...run.store('counts').range(key as never, 'z')],
    ]) {
      const silent = wrong.filter((key) => errorOf(() => ask(key)) === undefined)
      expect(silent).toEqual([])
    }
  })

  test('formats of a description', () => {
    expect(told(valuesOfEveryType, 'describe', (as) => run.describe(as as never))).toEqual([])
  })

  test.each(['uncommitted', 'stale'])('%s of a store', (name) => {
    const wrong = valuesOfEveryType.filter((value) => value !== true)
    const ask = (value: unknown) => run.store('counts', { [name]: value } as never)
    expect(told(wrong, name, ask)).toEqual([])
  })
})
