/**
 * What the broker has promised to an application that outlives it: the batches it acknowledged, the records it let a
 * consumer see, the offsets it stored, the topics it made and removed.
 */
import { BatchBuilder } from '../../src/protocol/records/batch-builder.ts'
import type { Place, StoredRecord } from './broker-client.ts'

export interface SentRecord {
  /** Unique; also the record's timestamp, so that it can be told by it. */
  readonly id: number
  readonly key: string | null
  /** Null: a tombstone. */
  readonly value: string | null
}

/** A batch that was handed to the broker, as one producer's `sequence`th on. */
export interface SentBatch extends Place {
  readonly producer: number
  readonly acks: 0 | 1 | -1
  readonly sequence: number
  readonly records: readonly SentRecord[]
  /** Undefined until acknowledged. */
  baseOffset: bigint | undefined
  /** Whether a loss of power may still take back what was acknowledged with acks=1. */
  isExposed: boolean
  /** A loss of power did. */
  isForgiven: boolean
}

/** `unknown`: the broker died, or reported a failure, while it was being made or removed. */
export type TopicState =
  | { readonly type: 'gone' }
  | { readonly type: 'live'; readonly id: string; readonly partitions: number }
  | {
      readonly type: 'unknown'
      readonly before: TopicState
      readonly attempt: 'create' | 'delete' | 'grow'
    }

export class Promises {
  readonly batches: SentBatch[] = []
  readonly recordsById = new Map<number, SentRecord>()
  /** Offset and record id of what a consumer has seen, by place. */
  readonly seen = new Map<string, Map<bigint, number>>()
  /** Offsets whose commit was acknowledged, and the highest one asked for. */
  readonly committed = new Map<string, { acknowledged: bigint; asked: bigint }>()
  readonly topics = new Map<string, TopicState>()
  /** The highest that was told, by topic id and partition: clients believe no lower one (KIP-320). */
  readonly leaderEpochs = new Map<string, number>()
  readonly producerIds = new Map<number, bigint>()
  #nextId = 1_600_000_000_000
  readonly #sequences = new Map<string, number>()

  /** Notes a batch that is about to be sent. Keys: one for each record. */
  newBatch(
    place: Place,
    producer: number,
    acks: 0 | 1 | -1,
    keys: readonly (string | null)[],
    isTombstone: (index: number) => boolean,
    valueBytes: number,
  ): SentBatch {
    const records = keys.map((key, index) => {
      const id = this.#nextId++
      const value = isTombstone(index) ? null : `${id}:`.padEnd(valueBytes, 'abcdefg')
      return { id, key, value }
    })
    for (const record of records) this.recordsById.set(record.id, record)
    const stream = `${producer}/${placeName(place)}`
    const sequence = this.#sequences.get(stream) ?? 0
    this.#sequences.set(stream, sequence + records.length)
    const batch = {
      ...place,
      producer,
      acks,
      sequence,
      records,
      baseOffset: undefined,
      isExposed: acks !== -1,
      isForgiven: false,
    }
    this.batches.push(batch)
    return batch
  }

  /** The batch as bytes; with the producer's identity when it is idempotent. */
  encode({ producer, sequence, records }: SentBatch): Uint8Array {
    const builder = new BatchBuilder()
    for (const { id, key, value } of records) builder.append(id, key, value)
    const producerId = this.producerIds.get(producer)
    return builder.build(
      producerId === undefined ? {} : { producerId, producerEpoch: 0, baseSequence: sequence },
    )
  }

  of(place: Place): SentBatch[] {
    return this.batches.filter(
      ({ topic, partition }) => topic === place.topic && partition === place.partition,
    )
  }

  noteSeen(place: Place, records: readonly StoredRecord[]): void {
    const name = placeName(place)
    const seen = this.seen.get(name) ?? new Map<bigint, number>()
    this.seen.set(name, seen)
    for (const { offset, timestampMs } of records) seen.set(offset, timestampMs)
  }

  /** Everything acknowledged so far is on stable storage: the broker was closed, or had the time it says it needs. */
  allSettled(): void {
    for (const batch of this.batches) if (batch.baseOffset !== undefined) batch.isExposed = false
  }

  /** What is promised by now; it does not change with what comes. */
  copy(): Promises {
    const copy = new Promises()
    copy.batches.push(...this.batches.map((batch) => ({ ...batch })))
    for (const [id, record] of this.recordsById) copy.recordsById.set(id, record)
    for (const [place, seen] of this.seen) copy.seen.set(place, new Map(seen))
    for (const [place, committed] of this.committed) copy.committed.set(place, { ...committed })
    for (const [name, state] of this.topics) copy.topics.set(name, state)
    for (const [producer, id] of this.producerIds) copy.producerIds.set(producer, id)
    return copy
  }

  powerFailed(): void {
    for (const batch of this.batches) if (batch.isExposed) batch.isForgiven = true
  }

  /** A topic was removed: nothing that was said of its records holds any more. */
  forget(topic: string): void {
    const kept = this.batches.filter((batch) => batch.topic !== topic)
    this.batches.splice(0, this.batches.length, ...kept)
    for (const map of [this.seen, this.committed, this.#sequences]) {
      for (const name of map.keys())
        if (new RegExp(`^(\\d+/)?${topic}-\\d+$`).test(name)) map.delete(name)
    }
  }
}

export function placeName({ topic, partition }: Place): string {
  return `${topic}-${partition}`
}

/** Acknowledged, and not taken back by a loss of power that was allowed to. */
export function isPromised(batch: SentBatch): boolean {
  return batch.baseOffset !== undefined && !batch.isForgiven
}
