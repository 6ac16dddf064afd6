/** Puts joins together: which operators a join of streams, of tables, or of both is made of. */
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { type Operator, RepartitionOperator, SourceOperator } from '../operator.ts'
import { joinStreams } from '../operators/join-streams.ts'
import { joinTable } from '../operators/join-table.ts'
import * as stateless from '../operators/stateless.ts'
import { BaseTable } from './base-table.ts'
import { GlobalTable } from './global-table.ts'
import { type ReadStreamJoin, readName, readStreamJoin, readType } from './join-options.ts'
import {
  keyedTogether,
  keySerializer,
  type Place,
  repartitioned,
  valueSerializer,
} from './place.ts'
import { checkCallback, checkOptions, readMs } from './state-options.ts'
import { Stream } from './stream.ts'

/** Of a stream with whatever it is joined with. The records that come out are pairs. Throws `ConfigError`. */
export function joined(left: Place, other: unknown, options: unknown): Place {
  if (other instanceof Stream) return withStream(left, other.at, options)
  if (other instanceof BaseTable) return withTable(left, other, options)
  if (other instanceof GlobalTable) return withGlobalTable(left, other, options)
  throw invalid(`join takes a stream, a table or a global table; got ${inspectBriefly(other)}`)
}

function withStream(left: Place, right: Place, options: unknown): Place {
  const read = readStreamJoin(options)
  if (read.key) return byNewKey(left, right, read, read.key)
  return read.on ? byPredicate(left, right, read) : byKey(left, right, read)
}

function byNewKey(
  left: Place,
  right: Place,
  read: ReadStreamJoin,
  key: readonly [left: never, right: never],
): Place {
  const rekeyed = (place: Place, fn: never): Place => ({
    ...place,
    operator: stateless.rekey(place.operator, fn, 'join (key)'),
    key: read.keySerializer,
    isKeyChanged: true,
  })
  return byKey(rekeyed(left, key[0]), rekeyed(right, key[1]), read)
}

function byKey(left: Place, right: Place, read: ReadStreamJoin): Place {
  checkKeysAlike(left, right)
  const first = keyedTogether(left)
  // A stream that is joined with itself is sent through one topic.
  const second = left.operator === right.operator ? first : keyedTogether(right)
  return windowed(first, second, read, { isByKey: true, isKeyChanged: false })
}

function byPredicate(left: Place, right: Place, read: ReadStreamJoin): Place {
  if (read.strategy === 'single') {
    const alone = (place: Place) => repartitioned(place, { partitions: 1 })
    // One task has everything: what comes next by key may want to be spread again.
    return windowed(alone(left), alone(right), read, { isByKey: false, isKeyChanged: true })
  }
  if (read.type === 'outer') {
    throw invalid(
      "join: a join by predicate cannot be 'outer', because no task knows whether another has found a left record for a right one. Join by key: [left => …, right => …], or, for small streams, with strategy: 'single'",
    )
  }
  const { isKeyChanged } = left
  return windowed(left, broadcast(left, right), read, { isByKey: false, isKeyChanged })
}

function windowed(
  left: Place,
  right: Place,
  { span, type, store, on, maxBuffered }: ReadStreamJoin,
  { isByKey, isKeyChanged }: { readonly isByKey: boolean; readonly isKeyChanged: boolean },
): Place {
  const draft = left.draft.meet(right.draft)
  const operator = joinStreams([left.operator, right.operator], {
    ...span,
    name: store,
    type,
    left: { key: keySerializer(left), value: valueSerializer(left) },
    right: { key: keySerializer(right), value: valueSerializer(right) },
    isByKey,
    on,
    maxBuffered: isByKey ? undefined : maxBuffered,
  })
  draft.note(operator)
  return { draft, operator, key: left.key, value: undefined, isKeyChanged }
}

/** The right side, for every task to read whole: its topic, or, where something was made of that, one of the application's. */
function broadcast(left: Place, right: Place): Place {
  const { operator, draft } = right
  if (operator instanceof SourceOperator && !isReadBy(left.operator, operator.topic)) {
    const { kind, parameters, create, topic, key, value, keepsTombstones } = operator
    const whole = new SourceOperator({
      kind,
      parents: [],
      parameters: { ...parameters, reads: 'all partitions' },
      create,
      topic,
      key,
      value,
      isBroadcast: true,
      keepsTombstones,
    })
    return { ...right, operator: whole }
  }
  const key = keySerializer(right)
  const value = valueSerializer(right)
  const copy = new RepartitionOperator({
    parents: [operator],
    parameters: { key: key.name, value: value.name, reads: 'all partitions' },
    key,
    value,
    isBroadcast: true,
  })
  return { draft, operator: copy, key, value, isKeyChanged: false }
}

/** Whether the task of an operator reads the topic by partition. */
function isReadBy(operator: Operator, topic: string): boolean {
  if (operator instanceof SourceOperator) return operator.topic === topic
  if (operator instanceof RepartitionOperator) return operator.topic === topic
  return operator.parents.some((parent) => isReadBy(parent, topic))
}

function withTable(left: Place, table: BaseTable<unknown, unknown>, options: unknown): Place {
  const given = checkOptions('join of a stream with a table', options, ['type', 'grace', 'store'])
  const type = readType('join with a table', given.type, ['inner', 'left'])
  const name = readName('join', given.store)
  const graceMs = given.grace === undefined ? undefined : readMs(given.grace, 'join: grace')
  if (graceMs !== undefined) checkHistory(table.historyMs, graceMs)
  else if (name !== undefined) {
    throw invalid('join: only a join with grace has a store to name')
  }
  checkKeysAlike(left, table.at)
  table.old.keep()
  const stream = keyedTogether(left)
  const draft = stream.draft.meet(table.at.draft)
  const operator = joinTable([stream.operator, table.at.operator], {
    name,
    type,
    view: table.view,
    keyOf: undefined,
    graceMs,
    key: keySerializer(stream),
    value: valueSerializer(stream),
  })
  if (graceMs !== undefined) draft.note(operator)
  return { ...stream, draft, operator, value: undefined }
}

function withGlobalTable(
  left: Place,
  table: GlobalTable<unknown, unknown>,
  options: unknown,
): Place {
  const { key, type } = checkOptions('join of a stream with a global table', options, [
    'key',
    'type',
  ])
  if (key === undefined) {
    throw invalid(
      'join with a global table needs key: (value, record) => …, which gives the key to look up',
    )
  }
  checkCallback('join: key', key)
  const draft = left.draft.meet(table.draft)
  const operator = joinTable([left.operator, table.operator], {
    name: undefined,
    type: readType('join with a global table', type, ['inner', 'left']),
    view: table.view,
    keyOf: key as never,
    graceMs: undefined,
    key: keySerializer(left),
    value: valueSerializer(left),
  })
  return { ...left, draft, operator, value: undefined }
}

function checkHistory(historyMs: number | undefined, graceMs: number): void {
  if (historyMs !== undefined && historyMs >= graceMs) return
  const has = historyMs === undefined ? 'none' : `${historyMs} ms`
  throw invalid(
    `join: with a grace of ${graceMs} ms the table needs as much history, and has ${has}: table(topic, { history }), or table.asOf(history)`,
  )
}

/** Keys that are written in different ways lie in different partitions. */
export function checkKeysAlike(left: Place, right: Place): void {
  const names = [left, right].map((place) => keySerializer(place).name)
  if (names[0] === names[1]) return
  throw invalid(
    `join: the keys of the left side are written as ${names[0]}, those of the right as ${names[1]}, so equal keys may be in different partitions: use the same key serialiser on both sides`,
  )
}
