/** Options of operators, given values of wrong types: each is refused with a `ConfigError` that names the option. */
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/core/errors.ts'
import {
  keyValueStore,
  type StreamBuilder,
  Window,
  windowedKey,
  windowStore,
} from '../../src/index.ts'
import { StreamTestDriver } from '../../src/testing/index.ts'
import { valuesOfEveryType } from '../values-of-every-type.ts'

const isText = (value: unknown) => typeof value === 'string' && value !== ''
const isFunction = (value: unknown) => typeof value === 'function'
const isNothing = () => false
const isPlain = (value: unknown) => Object.prototype.toString.call(value) === '[object Object]'

type Given = never
/** Any type, for values of all the wrong ones. */
type Build = (app: StreamBuilder, given: Given) => unknown

const windows = Window.tumbling('5m')
const grouped = (app: StreamBuilder) => app.stream('in').groupByKey()
const windowed = (app: StreamBuilder) => grouped(app).window(windows)
const table = (app: StreamBuilder) => app.table('rows')

/** [option, how it is given, which of the values are right] */
const options: readonly [option: string, build: Build, isRight: (value: unknown) => boolean][] = [
  ['tombstones', (app, tombstones) => app.stream('in', { tombstones }), isNothing],
  ['store', (app, store) => app.table('rows', { store }), isText],
  ['history', (app, history) => app.table('rows', { history }), isNothing],
  ['store', (app, store) => app.globalTable('rows', { store }), isText],
  ['store', (app, store) => grouped(app).count({ store }), isText],
  ['value', (app, value) => grouped(app).count({ value }), isNothing],
  ['store', (app, store) => windowed(app).count({ store }), isText],
  ['value', (app, value) => windowed(app).count({ value }), isNothing],
  ['retention', (app, retention) => windowed(app).count({ retention }), isNothing],
  ['late', (app, late) => windowed(app).count({ late }).to('out'), (value) => value === 'late'],
  ['key', (app, key) => app.stream('in').rekey(() => 'k', { key }), isNothing],
  ['key', (app, key) => app.stream('in').groupBy(() => 'k', { key }), isNothing],
  ['key', (app, key) => app.stream('in').mapRecord((r) => r, { key }), isNothing],
  ['partitions', (app, partitions) => app.stream('in').repartition({ partitions }), isNothing],
  ['name', (app, name) => app.stream('in').repartition({ name }), isText],
  ['history', (app, history) => app.stream('in').toTable({ history }), isNothing],
  ['partitioner', (app, partitioner) => app.stream('in').to('out', { partitioner }), isFunction],
  ['initial', (app, initial) => grouped(app).aggregate({ initial, add: () => 1 }), isFunction],
  ['add', (app, add) => grouped(app).aggregate({ initial: () => 1, add }), isFunction],
  [
    'merge',
    (app, merge) =>
      grouped(app)
        .window(Window.session('5m'))
        .aggregate({ initial: () => 1, add: () => 1, merge }),
    isFunction,
  ],
  ['until', (app, until) => table(app).suppress({ until }), isNothing],
  ['maxRecords', (app, maxRecords) => table(app).suppress({ until: '1s', maxRecords }), isNothing],
  ['maxBytes', (app, maxBytes) => table(app).suppress({ until: '1s', maxBytes }), isNothing],
  ['idle', (app, idle) => table(app).suppress({ until: '1s', idle }), isNothing],
  ['key', (app, key) => windowed(app).count().to('out', { key }), isNothing],
  ['window', (app, window) => app.stream('in').join(app.stream('b'), { window }), isNothing],
  ['within', (app, within) => join(app, { window: { within } }), isNothing],
  ['before', (app, before) => join(app, { window: { before } }), isNothing],
  ['after', (app, after) => join(app, { window: { after } }), isNothing],
  ['grace', (app, grace) => join(app, { window: { within: '1s', grace } }), isNothing],
  ['type', (app, type) => join(app, { window: '1s', type }), isNothing],
  ['store', (app, store) => join(app, { window: '1s', store }), isText],
  ['on', (app, on) => join(app, { window: '1s', on }), isFunction],
  ['key', (app, key) => join(app, { window: '1s', key }), isNothing],
  ['strategy', (app, strategy) => join(app, { window: '1s', on: () => true, strategy }), isNothing],
  [
    'maxBuffered',
    (app, maxBuffered) => join(app, { window: '1s', on: () => true, maxBuffered }),
    isNothing,
  ],
  ['type', (app, type) => app.stream('in').join(table(app), { type }), isNothing],
  ['grace', (app, grace) => app.stream('in').join(table(app), { grace }), isNothing],
  ['key', (app, key) => app.stream('in').join(app.globalTable('b'), { key }), isFunction],
  ['type', (app, type) => table(app).join(app.table('b'), { type }), isNothing],
  ['foreignKey', (app, foreignKey) => table(app).join(app.table('b'), { foreignKey }), isFunction],
  ['subtract', (app, subtract) => regrouped(app).reduce({ add: () => 1, subtract }), isFunction],
  ['store', (app, stores) => app.stream('in').process({ stores, record() {} }), isEmpty],
  ['record', (app, record) => app.stream('in').process({ record }), isFunction],
  ['init', (app, init) => app.stream('in').process({ init, record() {} }), isFunction],
  ['keepsKey', (app, keepsKey) => app.stream('in').process({ keepsKey, record() {} }), isTrue],
  ['name', (app, name) => app.stream('in').process({ name, record() {} }), isText],
  ['key', (_, key) => keyValueStore({ key }), isNothing],
  ['value', (_, value) => keyValueStore({ value }), isNothing],
  ['retention', (_, retention) => windowStore({ retention }), isNothing],
  ['size', (_, size) => Window.tumbling(size), isNothing],
  ['grace', (_, grace) => Window.tumbling('5m', { grace }), isNothing],
  ['idle', (_, idle) => Window.tumbling('5m', { idle }), isNothing],
  ['every', (_, every) => Window.hopping('5m', { every }), isNothing],
  ['gap', (_, gap) => Window.session(gap), isNothing],
  ['difference', (_, difference) => Window.sliding(difference), isNothing],
  ['windowedKey', (_, key) => windowedKey(key, windows), isNothing],
  [
    'windowedKey',
    (_, window) => windowedKey({ name: 'n', serialize: String, deserialize: String }, window),
    isNothing,
  ],
]

function isEmpty(value: unknown): boolean {
  return isPlain(value) && Object.keys(value as object).length === 0
}
function isTrue(value: unknown): boolean {
  return value === true
}
function join(app: StreamBuilder, given: object): unknown {
  return app.stream('in').join(app.stream('b'), given as never)
}
function regrouped(app: StreamBuilder) {
  return table(app).groupBy((value) => ['k', value])
}

describe.each(options.map(([option, ...rest], i) => ({ name: `${i} ${option}`, option, rest })))(
  '$name',
  ({ option, rest: [build, isRight] }) => {
    test('of a wrong type is refused by its name', () => {
      const wrong = valuesOfEveryType.filter((value) => !isRight(value))
      const told: string[] = []
      for (const value of wrong) {
        let error: unknown
        try {
          new StreamTestDriver((app) => {
            build(app, value as Given)
            app.stream('other').to('copies')
          })
        } catch (thrown) {
          error = thrown
        }
        if (!(error instanceof ConfigError)) told.push(`${String(value)}: ${String(error)}`)
        else if (!error.message.includes(option)) told.push(`${String(value)}: ${error.message}`)
      }
      expect(told).toEqual([])
    })
  },
)

/** [operator, how the options as a whole are given] */
const wholes: readonly [operator: string, build: Build][] = [
  ['stream', (app, given) => app.stream('in', given)],
  ['table', (app, given) => app.table('rows', given)],
  ['globalTable', (app, given) => app.globalTable('rows', given)],
  ['count', (app, given) => grouped(app).count(given)],
  ['count', (app, given) => windowed(app).count(given)],
  ['rekey', (app, given) => app.stream('in').rekey(() => 'k', given)],
  ['groupBy', (app, given) => app.stream('in').groupBy(() => 'k', given)],
  ['repartition', (app, given) => app.stream('in').repartition(given)],
  ['toTable', (app, given) => app.stream('in').toTable(given)],
  ['to', (app, given) => app.stream('in').to('out', given)],
  ['suppress', (app, given) => table(app).suppress(given)],
  ['process', (app, given) => app.stream('in').process(given)],
  ['join', (app, given) => app.stream('in').join(app.stream('b'), given)],
  ['join', (app, given) => app.stream('in').join(table(app), given)],
  ['join', (app, given) => table(app).join(app.table('b'), given)],
  ['aggregate', (app, given) => grouped(app).aggregate(given)],
  ['aggregate', (app, given) => windowed(app).aggregate(given)],
  ['reduce', (app, given) => regrouped(app).reduce(given)],
  ['window', (_, given) => Window.tumbling('5m', given)],
  ['window', (app, given) => grouped(app).window(given)],
]

test.each(wholes)('options of %s that are no such object', (operator, build) => {
  const told: string[] = []
  for (const value of valuesOfEveryType.filter(
    (one) => !isPlain(one) || Object.keys(one as object).length > 0,
  )) {
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
})
