/**
 * Windows against models that keep everything and look at all of it each time, with random windows, graces and records out of
 * order; and against themselves: commits, aborts and restarts in between must not be seen in what comes out.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { GroupedStream } from '../../src/streams/dsl/grouped-stream.ts'
import type { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import type { WindowedTable } from '../../src/streams/dsl/windowed-table.ts'
import { windowedKey } from '../../src/streams/windowed-key.ts'
import {
  type SessionWindow,
  type SlidingWindow,
  type TimeWindow,
  type TumblingWindow,
  Window,
} from '../../src/streams/windows.ts'
import { amount } from '../amount.ts'
import { type Input, OneProcess, toBytes } from './one-process.ts'

type Anything = TimeWindow | SessionWindow
type Results = (readonly [key: string, start: number, end: number, value: number[] | null])[]

const runs = amount(60, 2000, 'WINDOW_RUNS')
const ms = (n: number) => `${n}ms` as const

const graces = fc.integer({ min: 0, max: 15 })
const tumbling = fc
  .tuple(fc.integer({ min: 1, max: 12 }), graces)
  .map(([size, grace]) => Window.tumbling(ms(size), { grace: ms(grace) }))
const hopping = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 10 }), graces)
  .map(([every, more, grace]) =>
    Window.hopping(ms(every + more), { every: ms(every), grace: ms(grace) }),
  )
const sliding = fc
  .tuple(fc.integer({ min: 0, max: 8 }), graces)
  .map(([difference, grace]) => Window.sliding(ms(difference), { grace: ms(grace) }))
const session = fc
  .tuple(fc.integer({ min: 1, max: 8 }), graces)
  .map(([gap, grace]) => Window.session(ms(gap), { grace: ms(grace) }))

/** Time goes on, mostly. */
const records: fc.Arbitrary<Input[]> = fc
  .array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c', null),
      isNull: fc.integer({ min: 0, max: 12 }).map((n) => n === 0),
      step: fc.integer({ min: 0, max: 4 }),
      back: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 25 })),
      jump: fc.integer({ min: 0, max: 25 }).map((n) => (n === 0 ? 40 : 0)),
    }),
    { minLength: 1, maxLength: 50 },
  )
  .map((steps) => {
    let time = 0
    return steps.map(({ key, isNull, step, back, jump }, index) => {
      time += step + jump
      return { key, value: isNull ? null : index, timestamp: Math.max(0, time - back) }
    })
  })

function listed(group: GroupedStream<number, string>, window: Anything, kept?: number) {
  // Of some, windows are kept for longer than they are open.
  const keptMs = kept ?? (window.graceMs % 2) * 60
  const options = {
    retention: ms(keptMs),
    initial: (): number[] => [],
    add: (list: number[], value: number) => [...list, value],
    merge: (a: number[], b: number[]) => [...a, ...b],
  }
  const { merge, ...others } = options
  return window.kind === 'session'
    ? group.window(window).aggregate(options)
    : group.window(window).aggregate(others)
}

type Shape = (table: WindowedTable<number[], string>) => WindowedTable<number[], string>
const everyUpdate: Shape = (table) => table
const final: Shape = (table) => table.final()
const suppressed: Shape = (table) => table.suppress({ until: 'close' })

function writing(window: Anything, shape: Shape, keptMs?: number) {
  return (builder: StreamBuilder) => {
    shape(listed(grouped(builder), window, keptMs)).to('out')
  }
}

function grouped(builder: StreamBuilder): GroupedStream<number, string> {
  const stream = builder.stream<number>('in', { tombstones: 'deliver' })
  return stream.groupByKey() as unknown as GroupedStream<number, string>
}

function results(process: OneProcess): Results {
  return process.outputs.map(({ key, value }) => {
    const read = windowedKey().deserialize(toBytes(key!))
    return [
      read.key,
      read.startMs,
      read.endMs,
      value === null ? null : (JSON.parse(String(value)) as number[]),
    ]
  })
}

function run(window: Anything, shape: Shape, inputs: readonly Input[]): Results {
  const process = new OneProcess(writing(window, shape))
  for (const input of inputs) process.process(input)
  return results(process)
}

const sorted = (list: Results) => list.map((one) => JSON.stringify(one)).sort()

/** What comes of each record; the model says what it makes of it, and what closes then. */
function check(
  model: (inputs: readonly Input[]) => { updates: Results; finals: Results },
  window: Anything,
  inputs: readonly Input[],
): void {
  const { updates, finals } = model(inputs)
  expect(run(window, everyUpdate, inputs)).toEqual(updates)
  // Windows that close together may come in any order.
  expect(sorted(run(window, final, inputs))).toEqual(sorted(finals))
}

function timeModel({ sizeMs, everyMs, graceMs }: TumblingWindow) {
  return (inputs: readonly Input[]) => {
    const updates: Results = []
    const finals: Results = []
    const open = new Map<string, { key: string; start: number; list: number[] }>()
    let now = -1
    for (const { key, value, timestamp } of inputs) {
      if (key === null) continue
      now = Math.max(now, timestamp)
      for (let start = 0; value !== null && start <= timestamp; start += everyMs) {
        if (start + sizeMs <= timestamp || start + sizeMs <= now - graceMs) continue
        const id = `${key} ${start}`
        const list = [...(open.get(id)?.list ?? []), value as number]
        open.set(id, { key, start, list })
        updates.push([key, start, start + sizeMs, list])
      }
      for (const [id, one] of open) {
        if (one.start + sizeMs + graceMs > now) continue
        open.delete(id)
        finals.push([one.key, one.start, one.start + sizeMs, one.list])
      }
    }
    return { updates, finals }
  }
}

interface Session {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly list: number[]
}

/** What is over by the record's time cannot be merged; what is closed has been told of. */
function sessionModel({ gapMs, graceMs }: SessionWindow, isFinal: boolean) {
  return (inputs: readonly Input[]) => {
    const updates: Results = []
    const finals: Results = []
    let sessions: Session[] = []
    let now = -1
    for (const { key, value, timestamp } of inputs) {
      if (key === null) continue
      const before = now
      now = Math.max(now, timestamp)
      const isReached = (one: Session) =>
        one.key === key && one.end >= timestamp - gapMs && one.start <= timestamp + gapMs
      const isMergeable = (one: Session) =>
        one.end > before - gapMs - graceMs ||
        (isFinal && one.start === timestamp && one.end === timestamp)
      const merged = sessions
        .filter((one) => isReached(one) && isMergeable(one))
        .sort((a, b) => a.start - b.start)
      const start = Math.min(timestamp, ...merged.map((one) => one.start))
      const end = Math.max(timestamp, ...merged.map((one) => one.end))
      if (value !== null && end >= now - gapMs - graceMs) {
        if (start !== timestamp || end !== timestamp) {
          for (const one of merged) updates.push([key, one.start, one.end, null])
        }
        const list = [...merged.flatMap((one) => one.list), value as number]
        sessions = [...sessions.filter((one) => !merged.includes(one)), { key, start, end, list }]
        updates.push([key, start, end, list])
      }
      const closed = sessions.filter((one) => one.end + gapMs + graceMs < now)
      for (const one of closed) finals.push([one.key, one.start, one.end, one.list])
      sessions = sessions.filter((one) => !closed.includes(one))
    }
    return { updates, finals }
  }
}

test('tumbling and hopping windows do what the model does', () => {
  fc.assert(
    fc.property(fc.oneof(tumbling, hopping), records, (window, inputs) => {
      check(timeModel(window), window, inputs)
    }),
    { numRuns: runs },
  )
})

test('sessions do what the model does', () => {
  fc.assert(
    fc.property(session, records, (window, inputs) => {
      expect(run(window, everyUpdate, inputs)).toEqual(sessionModel(window, false)(inputs).updates)
      expect(sorted(run(window, final, inputs))).toEqual(
        sorted(sessionModel(window, true)(inputs).finals),
      )
    }),
    { numRuns: runs },
  )
})

/** For each record the window that ends with it, and the one that begins after it if something is in it. */
function slidingModel({ differenceMs: d }: SlidingWindow, inputs: readonly Input[]): Results {
  const all: Results = []
  for (const key of ['a', 'b', 'c']) {
    const own = inputs.filter((one) => one.key === key && one.value !== null)
    const starts = new Set(own.map(({ timestamp }) => Math.max(0, timestamp - d)))
    for (const { timestamp } of own) starts.add(timestamp + 1)
    for (const start of starts) {
      const inside = own.filter(({ timestamp }) => timestamp >= start && timestamp <= start + d)
      const list = inside.map(({ value }) => value as number).sort((a, b) => a - b)
      if (list.length > 0) all.push([key, start, start + d, list])
    }
  }
  return all
}

test('sliding windows have in the end what lies in them, where nothing is late', () => {
  const patient = fc
    .integer({ min: 0, max: 8 })
    .map((difference) => Window.sliding(ms(difference), { grace: '1h' }))
  fc.assert(
    fc.property(patient, records, (window, inputs) => {
      const last = new Map<string, Results[number]>()
      for (const [key, start, end, list] of run(window, everyUpdate, inputs)) {
        last.set(`${key} ${start}`, [key, start, end, [...list!].sort((a, b) => a - b)])
      }
      expect(sorted([...last.values()])).toEqual(sorted(slidingModel(window, inputs)))
    }),
    { numRuns: runs },
  )
})

test('what a time window gives when it closes is what it gave last, once', () => {
  fc.assert(
    fc.property(fc.oneof(tumbling, hopping, sliding), records, (window, inputs) => {
      // All windows close.
      const all = [...inputs, { key: 'end', value: 0, timestamp: 100_000 }]
      const last = new Map<string, Results[number]>()
      for (const one of run(window, everyUpdate, all)) last.set(one.slice(0, 2).join(' '), one)
      const expected = [...last.values()].filter(([key]) => key !== 'end')
      expect(sorted(run(window, final, all))).toEqual(sorted(expected))
    }),
    { numRuns: runs },
  )
})

test('a suppression lets through what final gives, of windows whose end is outside of them', () => {
  fc.assert(
    fc.property(fc.oneof(tumbling, hopping), records, (window, inputs) => {
      // A null value moves the time of the aggregate, and does not reach the suppression.
      const valued = inputs.filter(({ value }) => value !== null)
      const some = [...valued, { key: 'end', value: 0, timestamp: 100_000 }]
      expect(sorted(run(window, suppressed, some))).toEqual(sorted(run(window, final, some)))
    }),
    { numRuns: runs },
  )
})

const commands = fc.array(
  fc.oneof(
    fc.constant('commit' as const),
    fc.constant('abort' as const),
    fc.constant('restart' as const),
    fc.constant('record' as const),
    fc.constant('record' as const),
    fc.constant('record' as const),
  ),
  { maxLength: 80 },
)

type Command = 'commit' | 'abort' | 'restart' | 'record'

/** As a consumer would: what was not committed is read again. */
function runThrough(
  write: (builder: StreamBuilder) => void,
  inputs: readonly Input[],
  plan: readonly Command[],
): OneProcess {
  const process = new OneProcess(write)
  let next = 0
  let committed = 0
  for (const command of plan) {
    if (command === 'record' && next < inputs.length) process.process(inputs[next++]!)
    if (command === 'commit') {
      process.commit()
      committed = next
    }
    if (command === 'abort') process.abort()
    if (command === 'restart') process.restart()
    if (command === 'abort' || command === 'restart') next = committed
  }
  while (next < inputs.length) process.process(inputs[next++]!)
  return process
}

const anyShape = fc.constantFrom<Shape>(
  everyUpdate,
  final,
  suppressed,
  (table) => table.suppress({ until: '6ms' }),
  (table) => table.suppress({ until: '9ms', maxRecords: 2 }),
  (table) => table.suppress({ until: '9ms', maxBytes: 120 }),
  (table) => table.filter((list) => list.length % 3 !== 0).final(),
  (table) => table.map((list) => list.map((one) => one * 2)).suppress({ until: 'close' }),
)

test('commits, aborts and restarts are not seen in what comes out', () => {
  fc.assert(
    fc.property(
      fc.oneof(tumbling, hopping, sliding, session),
      anyShape,
      records,
      commands,
      (window, shape, inputs, plan) => {
        const plain = run(window, shape, inputs)
        expect(results(runThrough(writing(window, shape), inputs, plan))).toEqual(plain)
      },
    ),
    { numRuns: 2 * runs },
  )
})

test('how long windows are kept for queries does not change what comes out', () => {
  fc.assert(
    fc.property(
      fc.oneof(tumbling, hopping, sliding, session),
      fc.constantFrom(everyUpdate, final),
      records,
      (window, shape, inputs) => {
        const outputs = [0, 10_000].map((keptMs) => {
          const process = new OneProcess(writing(window, shape, keptMs))
          for (const input of inputs) process.process(input)
          return results(process)
        })
        expect(outputs[0]).toEqual(outputs[1])
      },
    ),
    { numRuns: runs },
  )
})

test('a changelog has nothing of windows that are over', () => {
  fc.assert(
    fc.property(
      fc.oneof(tumbling, hopping, sliding, session),
      anyShape,
      records,
      commands,
      (window, shape, inputs, plan) => {
        const all = [...inputs, { key: 'end', value: 0, timestamp: 100_000 }]
        const process = runThrough(writing(window, shape), all, plan)
        process.commit()
        for (const { name } of process.topology.stores) {
          const kept = process.changelog(name).map(([key]) => String.fromCharCode(...key))
          expect(kept.filter((key) => !key.includes('end'))).toEqual([])
        }
      },
    ),
    { numRuns: runs },
  )
})

const skips = () => ({ retry: undefined, finally: 'skip', deadLetter: undefined }) as const
const isBad = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) % 5 === 1

test('a record that fails has done nothing', () => {
  // Behind all that has state, so that all of it is to be undone.
  const failing: Shape = (table) =>
    table.map((list) => {
      if (isBad(list)) throw new Error('no')
      return list
    })
  fc.assert(
    fc.property(fc.oneof(tumbling, hopping, sliding, session), records, (window, inputs) => {
      const process = new OneProcess(writing(window, failing), skips)
      const succeeded = inputs.filter((input) => {
        const before = process.failures.length
        process.process(input)
        return process.failures.length === before
      })
      expect(results(process)).toEqual(run(window, failing, succeeded))
    }),
    { numRuns: runs },
  )
})

test('of results that were held back, one that fails is all that is missing', () => {
  fc.assert(
    fc.property(
      fc.oneof(tumbling, hopping, sliding, session),
      fc.constantFrom<Shape>(final, suppressed, (table) =>
        table.suppress({ until: '30ms', maxBytes: 90 }),
      ),
      records,
      (window, shape, inputs) => {
        const failing = (builder: StreamBuilder) => {
          // Not a map of the table, which is asked about the value before, too.
          shape(listed(grouped(builder), window))
            .toStream()
            .peek((list: number[] | null) => {
              if (list && isBad(list)) throw new Error('no')
            })
            .to('out')
        }
        const process = new OneProcess(failing, skips)
        for (const input of inputs) process.process(input)
        const all = run(window, shape, inputs)
        expect(results(process)).toEqual(
          all.filter(([, , , list]) => list === null || !isBad(list)),
        )
        expect(process.failures).toHaveLength(all.length - results(process).length)
      },
    ),
    { numRuns: runs },
  )
})

test.each([{ maxRecords: 2 }, { maxBytes: 40 }])(
  'commits, aborts and restarts are not seen in a table that holds changes back: %o',
  (limit) => {
    const write = (builder: StreamBuilder) => {
      const group = builder.stream<number>('in').groupByKey()
      group
        .aggregate<string | null>({
          initial: () => '',
          // Deletes now and then.
          add: (text, value) => (value % 7 === 6 ? null : `${text ?? ''}${value}`),
        })
        .suppress({ until: '15ms', ...limit })
        .to('out')
    }
    fc.assert(
      fc.property(records, commands, (inputs, plan) => {
        const plain = runThrough(write, inputs, [])
        expect(runThrough(write, inputs, plan).outputs).toEqual(plain.outputs)
      }),
      { numRuns: runs },
    )
  },
)
