/** Arguments of operators of wrong types: each is refused with a `ConfigError` that names the operator. */
import { expect, test } from 'vitest'
import { ConfigError } from '../../src/core/errors.ts'
import { type StreamBuilder, Window } from '../../src/index.ts'
import { StreamTestDriver } from '../../src/testing/index.ts'
import { valuesOfEveryType } from '../values-of-every-type.ts'

const isFunction = (value: unknown) => typeof value === 'function'
const isNothing = () => false
const isTopicOrFunction = (value: unknown) => isFunction(value) || isTopic(value)
const isTopic = (value: unknown) => typeof value === 'string' && /^[\w.-]+$/.test(value)

type Given = never
type Build = (app: StreamBuilder, given: Given) => unknown

const stream = (app: StreamBuilder) => app.stream<number>('in')
const grouped = (app: StreamBuilder) => stream(app).groupByKey()
const windowed = (app: StreamBuilder) => grouped(app).window(Window.tumbling('5m'))
const table = (app: StreamBuilder) => app.table<number>('rows')
const windows = (app: StreamBuilder) => windowed(app).count()
const pairs = (app: StreamBuilder) => stream(app).join(table(app))
const regrouped = (app: StreamBuilder) => table(app).groupBy((value) => ['k', value])
const yes = () => true

/** [operator, how it is called, which of the values are right] */
const operators: readonly [operator: string, build: Build, isRight: (value: unknown) => boolean][] =
  [
    ['topic', (app, topic) => app.stream(topic), isTopic],
    ['topic', (app, topic) => app.table(topic), isTopic],
    ['topic', (app, topic) => app.globalTable(topic), isTopic],
    ['filter', (app, fn) => stream(app).filter(fn), isFunction],
    ['map', (app, fn) => stream(app).map(fn), isFunction],
    ['flatMap', (app, fn) => stream(app).flatMap(fn), isFunction],
    ['peek', (app, fn) => stream(app).peek(fn), isFunction],
    ['rekey', (app, fn) => stream(app).rekey(fn), isFunction],
    ['mapRecord', (app, fn) => stream(app).mapRecord(fn), isFunction],
    ['merge', (app, other) => stream(app).merge(other), isNothing],
    ['branch', (app, branches) => stream(app).branch(branches), isNothing],
    ['branch', (app, one) => stream(app).branch([one]), isNothing],
    ['branch', (app, fn) => stream(app).branch([[fn, 'out']]), isFunction],
    ['topic', (app, topic) => stream(app).branch([[yes, topic]]), isTopic],
    ['split', (app, branches) => stream(app).split(branches), isNothing],
    ['split', (app, fn) => stream(app).split({ one: fn }), isFunction],
    ['groupBy', (app, fn) => stream(app).groupBy(fn), isFunction],
    ['groupBy', (app, name) => stream(app).groupBy(name, () => 'k'), isTopic],
    ['groupBy', (app, fn) => stream(app).groupBy('name', fn), isFunction],
    ['window', (app, window) => stream(app).window(window), isNothing],
    ['window', (app, window) => grouped(app).window(window), isNothing],
    ['topic', (app, topic) => stream(app).through(topic), isTopic],
    ['to', (app, topic) => stream(app).to(topic), isTopicOrFunction],
    ['forEach', (app, fn) => stream(app).forEach(fn), isFunction],
    ['join', (app, other) => stream(app).join(other), isNothing],
    ['reduce', (app, fn) => grouped(app).reduce(fn), isFunction],
    ['reduce', (app, fn) => grouped(app).reduce(0, fn), isFunction],
    ['reduce', (app, fn) => windowed(app).reduce(fn), isFunction],
    ['reduce', (app, fn) => windowed(app).reduce(0, fn), isFunction],
    ['aggregate', (app, options) => grouped(app).aggregate(options), isNothing],
    ['cogroup', (app, fn) => grouped(app).cogroup(fn), isFunction],
    [
      'cogroup',
      (app, group) =>
        grouped(app)
          .cogroup(() => 1)
          .and(group, () => 1),
      isNothing,
    ],
    [
      'cogroup',
      (app, fn) =>
        grouped(app)
          .cogroup(() => 1)
          .and(grouped(app), fn),
      isFunction,
    ],
    [
      'cogroup',
      (app, options) =>
        grouped(app)
          .cogroup(() => 1)
          .aggregate(options),
      isNothing,
    ],
    [
      'window',
      (app, window) =>
        grouped(app)
          .cogroup(() => 1)
          .window(window),
      isNothing,
    ],
    ['filter', (app, fn) => table(app).filter(fn), isFunction],
    ['map', (app, fn) => table(app).map(fn), isFunction],
    ['groupBy', (app, fn) => table(app).groupBy(fn), isFunction],
    ['groupBy', (app, fn) => table(app).groupBy('name', fn), isFunction],
    ['join', (app, other) => table(app).join(other), isNothing],
    ['suppress', (app, options) => table(app).suppress(options), isNothing],
    ['asOf', (app, history) => table(app).asOf(history), isNothing],
    ['to', (app, topic) => table(app).to(topic), isTopic],
    ['forEach', (app, fn) => table(app).forEach(fn), isFunction],
    ['reduce', (app, options) => regrouped(app).reduce(options), isNothing],
    ['aggregate', (app, options) => regrouped(app).aggregate(options), isNothing],
    ['filter', (app, fn) => windows(app).filter(fn), isFunction],
    ['map', (app, fn) => windows(app).map(fn), isFunction],
    ['groupBy', (app, fn) => windows(app).groupBy(fn), isFunction],
    ['join', (app, other) => windows(app).join(other), isNothing],
    ['suppress', (app, options) => windows(app).suppress(options), isNothing],
    ['asOf', (app, history) => windows(app).asOf(history), isNothing],
    ['to', (app, topic) => windows(app).to(topic), isTopic],
    ['forEach', (app, fn) => windows(app).forEach(fn), isFunction],
    ['map', (app, fn) => pairs(app).map(fn), isFunction],
    ['filter', (app, fn) => pairs(app).filter(fn), isFunction],
    ['forEach', (app, fn) => pairs(app).forEach(fn), isFunction],
    ['to', (app, topic) => pairs(app).to(topic), isTopicOrFunction],
    ['process', (app, options) => stream(app).process(options), isNothing],
    ['tumbling', (_, size) => Window.tumbling(size), isNothing],
    ['hopping', (_, size) => Window.hopping(size, { every: '1m' }), isNothing],
    ['sliding', (_, difference) => Window.sliding(difference), isNothing],
    ['session', (_, gap) => Window.session(gap), isNothing],
  ]

test.each(operators.map((one, i) => [`${i} ${one[0]}`, ...one] as const))(
  '%s',
  (_, operator, build, isRight) => {
    const told: string[] = []
    for (const value of valuesOfEveryType.filter((one) => !isRight(one))) {
      let error: unknown
      try {
        new StreamTestDriver((app) => {
          build(app, value as Given)
          app.stream('other').to('copies')
        })
      } catch (thrown) {
        error = thrown
      }
      const isTold =
        error instanceof ConfigError && error.message.toLowerCase().includes(operator.toLowerCase())
      if (!isTold) told.push(`${String(value)}: ${String(error)}`)
    }
    expect(told).toEqual([])
  },
)
