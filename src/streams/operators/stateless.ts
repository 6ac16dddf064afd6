/** Operators that look at one record at a time. What is guarded gives whatever has a `then` as a Promise. */
import { ConfigError } from '../../core/errors.ts'
import { Operator, type Receive } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'
import { startedBefore } from '../task/calls-ahead.ts'
import { eachInTurn } from '../task/in-turn.ts'

type Callback<R> = (value: never, record: never) => R
type Call = (value: unknown, record: StreamRecord) => unknown

export function filter(parent: Operator, keep: Callback<unknown>): Operator {
  return new Operator({
    kind: 'filter',
    parents: [parent],
    create({ guard, forward }) {
      const call = guard(keep as unknown as Call)
      return [
        (record) => {
          const kept = call(record.value, record)
          if (kept instanceof Promise)
            return kept.then((it) => (it ? forward(record) : undefined)) as Promise<void>
          return kept ? forward(record) : undefined
        },
      ]
    },
  })
}

/** With a concurrency above 1, what is above must be such that it can be started ahead. */
export function map(parent: Operator, fn: Callback<unknown>, concurrency = 1): Operator {
  if (concurrency > 1) startedBefore(parent)
  const toRecord = (record: StreamRecord, value: unknown) => record.withValue(defined(value, 'map'))
  return mapping('map', parent, fn, toRecord, concurrency)
}

export function rekey(parent: Operator, fn: Callback<unknown>, kind = 'rekey'): Operator {
  return mapping(kind, parent, fn, (record, key) =>
    record.withKey(
      defined(key, kind, 'Return null if there is no key: operators that need one skip the record'),
    ),
  )
}

/** Replaces the whole record. `toRecord` makes it of what the callback returned. */
export function mapRecord(
  parent: Operator,
  fn: (record: never) => unknown,
  toRecord: (record: StreamRecord, made: unknown) => StreamRecord,
): Operator {
  const call = (_value: unknown, record: StreamRecord) => fn(record as never)
  return mapping('mapRecord', parent, call as unknown as Callback<unknown>, toRecord)
}

export function flatMap(parent: Operator, fn: Callback<unknown>): Operator {
  return new Operator({
    kind: 'flatMap',
    parents: [parent],
    create({ guard, forward }) {
      const call = guard(fn as unknown as Call)
      const spread = guard((made: unknown) => [...(made as Iterable<unknown>)])
      return [
        (record) => {
          const made = call(record.value, record)
          if (made instanceof Promise) {
            return made.then((values) =>
              forwardAll(record, spread(values), forward),
            ) as Promise<void>
          }
          return forwardAll(record, spread(made), forward)
        },
      ]
    },
  })
}

export function peek(parent: Operator, fn: Callback<unknown>, kind = 'peek'): Operator {
  return new Operator({
    kind,
    parents: [parent],
    create({ guard, forward }) {
      const call = guard(fn as unknown as Call)
      return [
        (record) => {
          const looked = call(record.value, record)
          if (looked instanceof Promise) return looked.then(() => forward(record)) as Promise<void>
          return forward(record)
        },
      ]
    },
  })
}

export function merge(parents: readonly Operator[]): Operator {
  return new Operator({
    kind: 'merge',
    parents,
    create: ({ forward }) => parents.map(() => forward),
  })
}

/** One operator for each branch: it takes what its predicate is the first to want. The last, with no predicate, takes the rest. */
export function branches(
  parent: Operator,
  predicates: readonly (readonly [name: string, takes: Callback<boolean>])[],
): Operator[] {
  const names = [...predicates.map(([name]) => name), 'rest']
  return names.map(
    (name, index) =>
      new Operator({
        kind: 'branch',
        parents: [parent],
        parameters: { branch: name },
        create({ guardSync, forward }) {
          const tests = predicates
            .slice(0, index + 1)
            .map(([of, takes]) =>
              guardSync(takes as unknown as Call, `predicate of branch '${of}'`),
            )
          const own = index < predicates.length ? tests.pop() : undefined
          return [
            (record) => {
              for (const test of tests) if (test(record.value, record)) return undefined
              return !own || own(record.value, record) ? forward(record) : undefined
            },
          ]
        },
      }),
  )
}

function mapping(
  kind: string,
  parent: Operator,
  fn: Callback<unknown>,
  toRecord: (record: StreamRecord, made: unknown) => StreamRecord,
  concurrency = 1,
): Operator {
  return new Operator({
    kind,
    concurrency,
    parents: [parent],
    create({ guard, forward }) {
      const call = guard(fn as unknown as Call)
      const made = guard(toRecord)
      return [
        (record) => {
          const result = call(record.value, record)
          if (result instanceof Promise)
            return result.then((it) => forward(made(record, it))) as Promise<void>
          return forward(made(record, result))
        },
      ]
    },
  })
}

function forwardAll(
  record: StreamRecord,
  values: readonly unknown[],
  forward: Receive,
): void | Promise<void> {
  return eachInTurn(values, (value) => forward(record.withValue(defined(value, 'flatMap'))))
}

/** What a callback returned; `undefined` is a return that was forgotten. */
export function defined<T>(
  value: T,
  kind: string,
  cure = 'Use filter to drop a record, or null to delete a value',
): T {
  if (value !== undefined) return value
  throw new ConfigError(`The callback of ${kind} returned undefined. ${cure}`, {
    code: 'INVALID_CONFIG',
  })
}
