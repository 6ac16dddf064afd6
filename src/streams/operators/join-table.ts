/**
 * Joins a stream with a table: each record with what the table has for its key now, or, of a table with history, had at the
 * record's time. With a grace, records wait that long by stream time and go on in the order of their time, so that the table
 * is as complete as it will be. Changes of the table bring nothing out.
 */
import type { Serializer } from '../../client/serializer.ts'
import { Operator, type OperatorScope, type Receive } from '../operator.ts'
import type { Stamped } from '../stores/store.ts'
import type { TimelineStore } from '../stores/timeline-store.ts'
import { StreamRecord } from '../stream-record.ts'
import { eachInTurn } from '../task/in-turn.ts'
import { headersSerializer, type WithHeaders } from './envelope.ts'
import { defined } from './stateless.ts'
import type { View } from './table.ts'

export interface TableJoinOptions {
  readonly name: string | undefined
  readonly type: 'inner' | 'left'
  readonly view: View
  /** The table's key for a record. Undefined: the record's. */
  readonly keyOf: ((value: never, record: never) => unknown) | undefined
  /** How long records wait; undefined: not at all. */
  readonly graceMs: number | undefined
  /** Of the stream. */
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
}

type KeyOf = (value: unknown, record: StreamRecord) => unknown

export function joinTable(
  parents: readonly [stream: Operator, table: Operator],
  options: TableJoinOptions,
): Operator {
  const { name, type, graceMs, key, value } = options
  return new Operator({
    kind: 'join',
    name,
    parents,
    parameters: { type, graceMs: graceMs ?? null },
    stores:
      graceMs === undefined
        ? []
        : [
            {
              kind: 'timeline',
              name: '',
              key,
              value: headersSerializer(value) as Serializer<unknown>,
              changelog: 'own',
            },
          ],
    create(scope) {
      const look = lookUp(scope, options)
      // The table keeps itself.
      return [graceMs === undefined ? look : waiting(scope, graceMs, look), () => undefined]
    },
  })
}

function lookUp(scope: OperatorScope, { type, view, keyOf }: TableJoinOptions): Receive {
  const { forward, dropped } = scope
  const get = view(scope)
  const select =
    keyOf &&
    scope.guardSync(
      (value: unknown, record: StreamRecord) =>
        defined((keyOf as unknown as KeyOf)(value, record), 'join (key)'),
      'key of join',
    )
  return (record) => {
    const { value, timestampMs } = record
    if (value === null) return dropped('null value', record)
    const key = select ? select(value, record) : record.key
    if (key === null && type === 'inner') return dropped('null key', record)
    const found: Stamped | undefined = key === null ? undefined : get(key, timestampMs)
    if (type === 'inner' && !found) return undefined
    return forward(record.withValue([value, found?.value ?? null]))
  }
}

function waiting(scope: OperatorScope, graceMs: number, look: Receive): Receive {
  const { time } = scope
  const buffer = scope.store<TimelineStore>()
  return (record) => {
    const { key, value, timestampMs, rawHeaders: headers } = record
    // Without a key it has nothing to wait for, without a value it goes nowhere.
    if (key === null || value === null) return look(record)
    time.advance(timestampMs)
    const dueMs = time.now - graceMs
    if (timestampMs < dueMs) return look(record)
    buffer.add(key, timestampMs, { headers, value })
    const due = buffer.through(dueMs)
    for (const entry of due) buffer.remove(entry)
    return eachInTurn(due, (entry) => {
      const held = entry.value as WithHeaders
      const { origin } = record
      return look(new StreamRecord(origin, entry.key, held.value, entry.timeMs, held.headers))
    })
  }
}
