/**
 * What a topology is made of. An operator says what it is, which stores it needs and, for each task, makes the closures that
 * records run through. Operators point at those before them, so any of them stands for everything that leads to it.
 *
 *   source ──▶ filter ──▶ repartition ─ ─ (topic) ─ ─ ▶ aggregate ──▶ sink
 *   └──────── sub-topology 0 ───────┘                  └── sub-topology 1 ──┘
 */
import type { Serializer } from '../client/serializer.ts'
import type { Store } from './stores/store.ts'
import type { StoreSpec } from './stores/store-spec.ts'
import type { StreamRecord } from './stream-record.ts'
import type { Readers } from './task/read-record.ts'
import type { StreamErrorPolicy } from './task/stream-error-policy.ts'
import type { StreamTime } from './task/stream-time.ts'
import type { Undo } from './task/undo.ts'

/**
 * Takes one record, and resolves or returns once everything below is done with it. Of a table, `record.value` is the new
 * value and `old` the one before (null: none); `isLatest` is false for an update of a version that is not the newest.
 * The promise is there only where a callback gave one: without it nothing waits.
 */
export type Receive = (
  record: StreamRecord,
  old?: unknown,
  isLatest?: boolean,
) => void | Promise<void>

/** Why a record was passed over; a label of the metric. */
export type DropReason =
  | 'null key'
  | 'null value'
  | 'tombstone'
  | 'late'
  | 'negative timestamp'
  | 'expired'

/** What an operator has to hand in one task. */
export interface OperatorScope {
  /** Hands a record to everything below. */
  readonly forward: Receive
  /** The greatest timestamp that has reached this operator in this task. Undone with the record, kept by a commit. */
  readonly time: StreamTime
  /** What this record has done so far. */
  readonly undo: Undo
  /** A store of this operator's, or of another of the same task's, by its name among that operator's. */
  store<S extends Store>(role?: string, of?: Operator): S
  /**
   * Runs what was only due when the record in hand came, so that it fails by itself: `onError` decides on `result`, and the
   * record goes on without it. `written`: how key and value of `result` go to a topic of dead letters; undefined: there is
   * nothing to be written. Throws, or rejects with, what ends the record.
   */
  apart(
    result: StreamRecord,
    written: Readers | undefined,
    run: () => void | Promise<void>,
  ): void | Promise<void>
  /**
   * Calls back by the wall clock, at the multiples of the interval. The record stands for the one that did not come: without key
   * and value, of the time at which it was due. What the callback does happens as a whole, as with a record.
   */
  onWallClock(intervalMs: number, callback: Receive): void
  /**
   * Calls back when nothing has come to the task for `afterMs` by the wall clock, once for each silence. `record` stands for
   * the record that did not come: without key and value. What the callback does happens as a whole, as with a record.
   */
  onIdle(afterMs: number, callback: Receive): void
  /** Counts a record that was passed over. */
  dropped(reason: DropReason, record: StreamRecord): void
  /** Counts pairs that a join has compared. */
  compared(pairs: number): void
  /** Writes to a topic, if the record as a whole succeeds. */
  emit(output: Output): void
  /** As `call`, but what it throws, or rejects with, names this operator. */
  guard<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R
  /** As `guard`, for a callback that must not return a promise: state cannot wait for it. */
  guardSync<A extends unknown[], R>(call: (...args: A) => R, what: string): (...args: A) => R
}

/** A record for a topic, serialised. */
export interface Output {
  readonly topic: string
  /** Undefined: by the key, as Kafka's partitioner does. */
  readonly partition: number | undefined
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly timestampMs: number
  readonly headers: StreamRecord['rawHeaders']
  /** What the partitioner goes by instead of the key. */
  readonly partitionKey?: string | Uint8Array | undefined
}

/** Only what JSON can say: `describe()` prints it, the fingerprint is made of it. */
export type Parameters = { readonly [name: string]: string | number | boolean | null | Parameters }

export interface OperatorOptions {
  /** 'filter', 'count', 'join' … */
  readonly kind: string
  /** The user's; operators with state that have none get one by their place among those with state. */
  readonly name?: string | undefined
  readonly parents: readonly Operator[]
  readonly parameters?: Parameters
  readonly stores?: readonly StoreSpec[]
  /** Its stream time is kept over a restart, as it is where there are stores. */
  readonly keepsTime?: boolean
  /** How many of its callbacks may be under way at once in one task. Default: 1. */
  readonly concurrency?: number
  /** Makes the closures of one task, one for each parent. */
  readonly create: (scope: OperatorScope) => readonly Receive[]
}

let created = 0

export class Operator {
  /** Operators are in the order in which the program made them. */
  readonly order = created++
  readonly kind: string
  readonly name: string | undefined
  readonly parents: readonly Operator[]
  readonly parameters: Parameters
  readonly stores: readonly StoreSpec[]
  /** It has stores, or a stream time, that a restart must not change. */
  readonly hasState: boolean
  readonly concurrency: number
  readonly create: (scope: OperatorScope) => readonly Receive[]

  constructor(options: OperatorOptions) {
    this.kind = options.kind
    this.name = options.name
    this.parents = options.parents
    this.parameters = options.parameters ?? {}
    this.stores = options.stores ?? []
    this.hasState = this.stores.length > 0 || (options.keepsTime ?? false)
    this.concurrency = options.concurrency ?? 1
    this.create = options.create
  }
}

/** Reads a topic. */
export class SourceOperator extends Operator {
  readonly topic: string
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
  /** All partitions in every process ('global'), or those of the task. */
  readonly isGlobal: boolean
  /** All partitions in every task: the right side of a join by predicate. */
  readonly isBroadcast: boolean
  /** Whether null values are handed on. */
  readonly keepsTombstones: boolean
  /** What becomes of its records that fail; undefined: what the application says. */
  readonly onError: StreamErrorPolicy | undefined

  constructor(
    options: OperatorOptions & {
      readonly topic: string
      readonly key: Serializer<unknown>
      readonly value: Serializer<unknown>
      readonly isGlobal?: boolean
      readonly isBroadcast?: boolean
      readonly keepsTombstones: boolean
      readonly onError?: StreamErrorPolicy | undefined
    },
  ) {
    super(options)
    this.topic = options.topic
    this.key = options.key
    this.value = options.value
    this.isGlobal = options.isGlobal ?? false
    this.isBroadcast = options.isBroadcast ?? false
    this.keepsTombstones = options.keepsTombstones
    this.onError = options.onError
  }
}

/** Writes to topics. */
export class SinkOperator extends Operator {
  /** Undefined: chosen for each record. */
  readonly topic: string | undefined
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>

  constructor(
    options: OperatorOptions & {
      readonly topic: string | undefined
      readonly key: Serializer<unknown>
      readonly value: Serializer<unknown>
    },
  ) {
    super(options)
    this.topic = options.topic
    this.key = options.key
    this.value = options.value
  }
}

/**
 * Cuts a topology in two: what is above writes to a topic, what is below reads it, so that records of one key come to one
 * task. The topic is one of the application's own, or, for `through`, the user's.
 */
export class RepartitionOperator extends Operator {
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
  /** Of the user's (`through`), in full. Undefined: `<application>-<name>-repartition`. */
  readonly topic: string | undefined
  /** Undefined: as many as what it is read with needs. */
  readonly partitions: number | undefined
  /** Every task below reads all partitions. */
  readonly isBroadcast: boolean
  /** Records without a key are passed over. */
  readonly needsKey: boolean
  /** Gives a record's partition; undefined: by the key. */
  readonly partitionOf: ((record: StreamRecord) => number) | undefined

  constructor(
    options: Omit<OperatorOptions, 'kind' | 'create'> & {
      readonly key: Serializer<unknown>
      readonly value: Serializer<unknown>
      readonly topic?: string | undefined
      readonly partitions?: number | undefined
      readonly isBroadcast?: boolean
      readonly needsKey?: boolean
      readonly partitionOf?: ((record: StreamRecord) => number) | undefined
    },
  ) {
    super({
      ...options,
      kind: options.topic === undefined ? 'repartition' : 'through',
      create: none,
    })
    this.key = options.key
    this.value = options.value
    this.topic = options.topic
    this.partitions = options.partitions
    this.isBroadcast = options.isBroadcast ?? false
    this.needsKey = options.needsKey ?? false
    this.partitionOf = options.partitionOf
  }
}

/** Whether every task that has it reads all partitions of its topic. */
export function isBroadcast(operator: Operator): boolean {
  return (
    (operator instanceof SourceOperator || operator instanceof RepartitionOperator) &&
    operator.isBroadcast
  )
}

/** The two halves of a repartition are made by the topology, which knows the topic. */
function none(): never {
  throw new TypeError('a repartition has no closures of its own')
}
