/** Where records come in and go out. */
import type { Serializer } from '../../client/serializer.ts'
import { type Operator, SinkOperator, SourceOperator } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'
import { emitter } from '../task/emitter.ts'
import type { StreamErrorPolicy } from '../task/stream-error-policy.ts'

export interface SourceOptions {
  readonly topic: string
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
  readonly keepsTombstones: boolean
  readonly onError?: StreamErrorPolicy | undefined
}

export function streamSource(options: SourceOptions): SourceOperator {
  return new SourceOperator({
    kind: 'stream',
    parents: [],
    parameters: { topic: options.topic, key: options.key.name, value: options.value.name },
    create: ({ forward }) => [forward],
    ...options,
  })
}

export interface SinkOptions {
  /** Or what gives one for each record. */
  readonly topic: string | ((value: never, record: never) => string)
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
  /** Gives the partition, of so many; undefined: by the key. */
  readonly partitioner?: ((record: StreamRecord) => number | undefined) | undefined
}

export function sink(parent: Operator, options: SinkOptions): SinkOperator {
  const { topic, key, value, partitioner } = options
  const fixed = typeof topic === 'string' ? topic : undefined
  return new SinkOperator({
    kind: 'sink',
    parents: [parent],
    topic: fixed,
    key,
    value,
    parameters: {
      topic: fixed ?? null,
      key: key.name,
      value: value.name,
      hasPartitioner: partitioner !== undefined,
    },
    create({ emit, guardSync }) {
      const choose =
        typeof topic === 'function'
          ? guardSync(
              topic as unknown as (value: unknown, record: StreamRecord) => string,
              'topic of to',
            )
          : undefined
      const place = partitioner && guardSync(partitioner, 'partitioner of to')
      const write = emitter(emit, {
        topic: choose ? (record) => choose(record.value, record) : fixed!,
        key,
        value,
        partitionOf: place,
        operatorOf: (name) => `to('${name}')`,
      })
      return [write]
    },
  })
}
