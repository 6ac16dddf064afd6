/** Sends records in batches, a few at a time, and counts what became of them. */
import { BatchError, type RecordMetadata } from '../../client/producer/delivery.ts'
import type { Producer } from '../../client/producer/producer.ts'
import { Message } from '../../client/producer/send-options.ts'
import { KafkaError } from '../../core/errors.ts'
import type { Pace } from '../records/pace.ts'
import type { Progress } from '../shell/progress.ts'
import type { Outgoing } from './input.ts'

const batchesAtATime = 8
const batchRecordsMax = 2000
/** What is read ahead of what is stored, roughly. */
const batchBytesMax = 1_048_576

export interface StoredPartition {
  readonly partition: number
  records: number
  first: bigint
  last: bigint
}

export class Sender {
  readonly #producer: Producer<Uint8Array, Uint8Array>
  readonly #pace: Pace | undefined
  readonly #progress: Progress
  readonly #underWay = new Set<Promise<void>>()
  readonly #partitions = new Map<number, StoredPartition>()
  stored = 0
  failed = 0
  /** The first that went wrong. */
  failure: unknown

  constructor(
    producer: Producer<Uint8Array, Uint8Array>,
    { pace, progress }: { readonly pace: Pace | undefined; readonly progress: Progress },
  ) {
    this.#producer = producer
    this.#pace = pace
    this.#progress = progress
  }

  get partitions(): readonly StoredPartition[] {
    return [...this.#partitions.values()].sort((a, b) => a.partition - b.partition)
  }

  /** Resolves when more may be read. Throws what has failed since. */
  async send(records: readonly Outgoing[], signal: AbortSignal): Promise<void> {
    const together = this.#pace?.together ?? batchRecordsMax
    for (let at = 0; at < records.length; ) {
      let bytes = 0
      let end = at
      while (end < records.length && end - at < together && bytes < batchBytesMax)
        bytes += records[end++]!.size
      await this.#pace?.wait(end - at, signal)
      this.#begin(records.slice(at, end))
      at = end
      while (this.#underWay.size >= batchesAtATime) await Promise.race(this.#underWay)
      if (this.failure !== undefined) throw this.failure
      signal.throwIfAborted()
    }
  }

  /** Waits for the outcome of all. Throws the first failure. */
  async finish(): Promise<void> {
    await Promise.all(this.#underWay)
    if (this.failure !== undefined) throw this.failure
  }

  #begin(records: readonly Outgoing[]): void {
    const messages = records.map(({ value, options }) => new Message(value, options))
    const bytes = records.reduce((sum, { size }) => sum + size, 0)
    const sent = this.#producer
      .sendBatch(messages)
      .then(
        (results) => this.#add(results),
        (error: unknown) => {
          if (error instanceof BatchError) this.#add(error.results)
          else {
            this.failed += messages.length
            this.failure ??= error
          }
        },
      )
      .finally(() => {
        this.#underWay.delete(sent)
        this.#progress.bytes += bytes
        this.#progress.records = this.stored
      })
    this.#underWay.add(sent)
  }

  #add(results: readonly (RecordMetadata | KafkaError)[]): void {
    for (const result of results) {
      if (result instanceof KafkaError) {
        this.failed++
        this.failure ??= result
        continue
      }
      this.stored++
      const { partition, offset } = result
      const known = this.#partitions.get(partition)
      if (!known)
        this.#partitions.set(partition, { partition, records: 1, first: offset, last: offset })
      else {
        known.records++
        if (offset < known.first) known.first = offset
        if (offset > known.last) known.last = offset
      }
    }
  }
}
