/** Writes records to a topic: sinks, repartitions and late records. */
import { partitionKeyOf, type Serializer, serializeField } from '../../client/serializer.ts'
import { checkTopicName } from '../../client/topic.ts'
import type { Output } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'
import { OperatorFailure } from './errors.ts'

export interface Target {
  /** Or what gives one for each record. */
  readonly topic: string | ((record: StreamRecord) => string)
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
  /** Undefined, and where it gives undefined: by the key. */
  readonly partitionOf?: ((record: StreamRecord) => number | undefined) | undefined
  /** Who failed when a record cannot be written. */
  readonly operatorOf: (topic: string) => string
}

/** What takes a record and emits it; what goes wrong names the operator. */
export function emitter(
  emit: (output: Output) => void,
  { topic, key, value, partitionOf, operatorOf }: Target,
): (record: StreamRecord) => void {
  return (record) => {
    const name = typeof topic === 'string' ? topic : topic(record)
    try {
      if (typeof topic === 'function') checkTopicName(name)
      emit({
        topic: name,
        partition: partitionOf?.(record),
        key: serializeField(key, record.key, 'key', name),
        value: serializeField(value, record.value, 'value', name),
        timestampMs: record.timestampMs,
        headers: record.rawHeaders,
        partitionKey: partitionKeyOf(key, record.key, name),
      })
    } catch (error) {
      throw error instanceof OperatorFailure
        ? error
        : new OperatorFailure(operatorOf(name), 'produce', error)
    }
  }
}
