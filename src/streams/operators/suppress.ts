/** Holds a table's changes back, and lets through the last of each key when its time has come. */
import type { Serializer } from '../../client/serializer.ts'
import { Operator, type OperatorScope } from '../operator.ts'
import type { Stamped } from '../stores/store.ts'
import type { Held, SuppressBuffer } from '../stores/suppress-buffer.ts'
import type { StreamRecord } from '../stream-record.ts'
import { noTime } from '../task/stream-time.ts'
import type { Windowed } from '../windowed.ts'
import { type Change, forwardDue } from './changes.ts'

export interface SuppressOptions {
  /**
   * `close`: one result of each window, so long after its end; keys are windowed. `time`: so long after the first change that
   * is held.
   */
  readonly until: 'close' | 'time'
  /** By stream time, milliseconds. */
  readonly afterMs: number
  readonly idleMs: number | undefined
  /** What is held longest goes out early when there is more than that. */
  readonly maxRecords: number | undefined
  readonly maxBytes: number | undefined
  readonly name: string | undefined
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
}

export function suppress(parent: Operator, options: SuppressOptions): Operator {
  const { until, afterMs, idleMs, maxRecords, maxBytes, name, key, value } = options
  return new Operator({
    kind: 'suppress',
    name,
    parents: [parent],
    parameters: {
      ...{ until, afterMs },
      ...(idleMs !== undefined && { idleMs }),
      ...(maxRecords !== undefined && { maxRecords }),
      ...(maxBytes !== undefined && { maxBytes }),
    },
    stores: [{ kind: 'buffer', name: '', key, value, changelog: 'own' }],
    create(scope) {
      const { time } = scope
      const written = { key, value }
      const buffer = scope.store<SuppressBuffer>()

      const dueChanges = (record: StreamRecord): Change[] =>
        changesOf(record, buffer.take(time.now - afterMs))

      const tooMany = (record: StreamRecord): Change[] => {
        const changes: Change[] = []
        while (
          (maxRecords !== undefined && buffer.size > maxRecords) ||
          (maxBytes !== undefined && buffer.size > 0 && buffer.bytesHeld() > maxBytes)
        ) {
          changes.push(...changesOf(record, [buffer.takeFirst()!]))
        }
        return changes
      }

      if (idleMs !== undefined) {
        scope.onIdle(idleMs, (record) => {
          if (time.now === noTime || buffer.size === 0) return undefined
          time.advance(time.now + idleMs)
          return forwardDue(dueChanges(record), scope, written)
        })
      }

      return [
        (record, old, isLatest) => {
          // Of a version that others have followed: it does not replace them.
          if (isLatest === false) return undefined
          time.advance(record.timestampMs)
          if (until === 'close' && record.value === null) buffer.remove(record.key)
          else {
            const { key, value, timestampMs } = record
            const dueMs = until === 'close' ? (key as Windowed).endMs : timestampMs
            buffer.put(key, value, until === 'close' ? null : old, timestampMs, dueMs)
          }
          const due = dueChanges(record)
          return forwardDue([...due, ...tooMany(record)], scope, written)
        },
      ]
    },
  })
}

/** What those below know of a key: not what is held back. */
export function suppressedView(
  operator: Operator,
  view: (scope: OperatorScope) => (key: unknown) => Stamped | undefined,
): (scope: OperatorScope) => (key: unknown) => Stamped | undefined {
  return (scope) => {
    const buffer = scope.store<SuppressBuffer>('', operator)
    const get = view(scope)
    return (key) => {
      const held = buffer.get(key)
      if (!held) return get(key)
      const { prior } = held.value
      // Its time is not known any more.
      return prior === null ? undefined : { value: prior, timestampMs: noTime }
    }
  }
}

function changesOf(
  record: StreamRecord,
  held: readonly (readonly [key: unknown, held: Stamped<Held>])[],
): Change[] {
  return held.map(([key, { value, timestampMs }]) => [
    record.derived(key, value.value, timestampMs),
    value.prior,
  ])
}
