/** Operators that run in one task, and what they read, write and keep. */
import type { Operator, RepartitionOperator, SinkOperator, SourceOperator } from '../operator.ts'
import type { StoreSpec } from '../stores/store-spec.ts'

/** What a sub-topology reads: a topic of the user's, or one that a repartition writes. */
export interface TopologySource {
  readonly topic: string
  readonly operators: readonly (SourceOperator | RepartitionOperator)[]
  /** Made and deleted with the application. */
  readonly isInternal: boolean
  /** Each task reads all partitions of it, not only its own. */
  readonly isBroadcast: boolean
}

export interface SubTopology {
  readonly index: number
  /** In the order in which they were made; a repartition belongs to what reads it. */
  readonly operators: readonly Operator[]
  readonly sources: readonly TopologySource[]
  /** Repartitions that it writes. */
  readonly repartitions: readonly RepartitionOperator[]
  readonly sinks: readonly SinkOperator[]
  readonly stores: readonly StoreSpec[]
}
