/**
 * Callbacks that must not wait, because state cannot: a promise from any of them stops the stream with an error that says which it
 * was. What the promise rejects with is nobody's, and must not end the process.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nextTurn } from '../../src/core/turn.ts'
import { keyValueStore, type StreamBuilder, Window } from '../../src/index.ts'
import { StreamTestDriver } from '../../src/testing/stream-test-driver.ts'

const rejections: unknown[] = []
const onRejection = (reason: unknown) => rejections.push(reason)
beforeEach(() => void process.on('unhandledRejection', onRejection))
afterEach(() => void process.off('unhandledRejection', onRejection))

type Fn = never
type Build = (app: StreamBuilder, fn: Fn) => void

const stream = (app: StreamBuilder, name = 'in') => app.stream<number>(name)
const grouped = (app: StreamBuilder) => stream(app).groupByKey()
const sessions = (app: StreamBuilder) => grouped(app).window(Window.session('1m'))
const table = (app: StreamBuilder) => app.table<number>('in')
const regrouped = (app: StreamBuilder) => table(app).groupBy((value) => ['k', value])
const window = '1m'

const callbacks: { readonly [what: string]: Build } = {
  rekey: (app, fn) => stream(app).rekey(fn).to('out'),
  mapRecord: (app, fn) => stream(app).mapRecord(fn).to('out'),
  groupBy: (app, fn) => stream(app).groupBy(fn).count().to('out'),
  split: (app, fn) => stream(app).split({ one: fn }).one.to('out'),
  branch: (app, fn) => void stream(app).branch([[fn, 'out']]),
  'topic of to': (app, fn) => stream(app).to(fn),
  'partitioner of to': (app, partitioner) => stream(app).to('out', { partitioner }),
  'reduce with a total': (app, fn) => grouped(app).reduce(0, fn).to('out'),
  'initial of reduce': (app, fn) =>
    grouped(app)
      .reduce(fn, () => 1 as never)
      .to('out'),
  'reduce of values': (app, fn) => grouped(app).reduce(fn).to('out'),
  'initial of aggregate': (app, initial) =>
    grouped(app)
      .aggregate({ initial, add: () => 1 as never })
      .to('out'),
  'add of aggregate': (app, add) =>
    grouped(app)
      .aggregate({ initial: () => 1, add })
      .to('out'),
  'add of a window': (app, add) =>
    grouped(app)
      .window(Window.tumbling('1m'))
      .aggregate({ initial: () => 1, add })
      .to('out'),
  'add of a sliding window': (app, add) =>
    grouped(app)
      .window(Window.sliding('1m'))
      .aggregate({ initial: () => 1, add })
      .to('out'),
  'add of a session': (app, add) =>
    sessions(app)
      .aggregate({ initial: () => 1, add, merge: () => 1 })
      .to('out'),
  'merge of a session': (app, merge) =>
    sessions(app)
      .aggregate({ initial: () => 1, add: () => 1, merge })
      .to('out'),
  'add of cogroup': (app, fn) =>
    grouped(app)
      .cogroup(fn)
      .aggregate({ initial: () => 1 as never })
      .to('out'),
  'filter of a table': (app, fn) => table(app).filter(fn).to('out'),
  'map of a table': (app, fn) => table(app).map(fn).to('out'),
  'groupBy of a table': (app, fn) => table(app).groupBy(fn).count().to('out'),
  'add of a table': (app, add) =>
    regrouped(app)
      .reduce({ add, subtract: () => 1 })
      .to('out'),
  'subtract of a table': (app, subtract) =>
    regrouped(app)
      .reduce({ add: () => 1, subtract })
      .to('out'),
  foreignKey: (app, foreignKey) =>
    table(app).join(app.table('other'), { foreignKey, type: 'left' }).to('out'),
  'on of a join': (app, on) => stream(app).join(stream(app), { on, window }).to('out'),
  'key of a join': (app, fn) =>
    stream(app)
      .join(stream(app, 'other'), { key: [fn, () => 'k'], window })
      .to('out'),
  'key of a global table': (app, key) =>
    stream(app).join(app.globalTable('other'), { key }).to('out'),
  'init of process': (app, init) =>
    stream(app)
      .process({ stores: { s: keyValueStore() }, init, record: () => {} })
      .to('out'),
}

test.each(Object.entries(callbacks))('%s', async (_, build) => {
  const fn = (async () => {
    throw new Error('nobody hears of it')
  }) as never
  const run = () => {
    const driver = new StreamTestDriver((app) => build(app, fn))
    for (const timestamp of [0, 10]) driver.send('in', 1, { key: 'a', timestamp })
    // What is taken out of a group is what was in it.
    driver.send('in', 2, { key: 'a', timestamp: 20 })
  }
  expect(run).toThrow(/promise/)
  await nextTurn()
  await nextTurn()
  expect(rejections.splice(0)).toEqual([])
})
