/** Who waits for a record's outcome: one `send`, or a `sendBatch` that gathers many. */
import { KafkaError } from '../../core/errors.ts'

/** Where a record was stored. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  /** -1n when the broker did not say (acks 0, or a retry found the record already stored). */
  readonly offset: bigint
  readonly timestamp: Date
}

/** A class for its `toJSON`, which JSON needs for the offset; otherwise a plain object with these four fields. */
export class StoredRecord implements RecordMetadata {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: Date

  constructor(topic: string, partition: number, offset: bigint, timestamp: Date) {
    this.topic = topic
    this.partition = partition
    this.offset = offset
    this.timestamp = timestamp
  }

  /** The offset as a string: JSON has no integers of 64 bits. */
  toJSON(): object {
    const { topic, partition, offset, timestamp } = this
    return { topic, partition, offset: String(offset), timestamp }
  }
}

/** Told once about each record it owns, by the number it gave the record. */
export interface Delivery {
  /** Left out where it is of no interest where a record was stored: then nothing is made to say so. */
  stored?(index: number, metadata: RecordMetadata): void
  failed(index: number, error: unknown): void
}

export class SingleDelivery implements Delivery {
  readonly #resolve: (metadata: RecordMetadata) => void
  readonly #reject: (error: unknown) => void

  constructor(resolve: (metadata: RecordMetadata) => void, reject: (error: unknown) => void) {
    this.#resolve = resolve
    this.#reject = reject
  }

  stored(_index: number, metadata: RecordMetadata): void {
    this.#resolve(metadata)
  }

  failed(_index: number, error: unknown): void {
    this.#reject(error)
  }
}

/** Some records of a `sendBatch` were not stored; the others were. */
export class BatchError extends KafkaError {
  /** By position in the input: metadata of a stored record, or the error. */
  readonly results: readonly (RecordMetadata | KafkaError)[]
  /** Positions in the input of the records that failed, ascending. */
  readonly failed: readonly number[]

  constructor(results: readonly (RecordMetadata | KafkaError)[]) {
    const failed = results.flatMap((result, index) => (result instanceof KafkaError ? [index] : []))
    const first = results[failed[0]!] as KafkaError
    super(
      `${failed.length} of ${results.length} records were not stored; the first is number ${failed[0]}: ${first.message}`,
      {
        code: first.code,
        retriable: first.retriable,
        outcome: worstOutcome(results),
        cause: first,
      },
    )
    this.results = results
    this.failed = failed
  }

  override toJSON(): object {
    return { ...super.toJSON(), failed: this.failed, results: this.results }
  }
}

function worstOutcome(results: readonly (RecordMetadata | KafkaError)[]): 'failed' | 'unknown' {
  const unknown = results.some(
    (result) => result instanceof KafkaError && result.outcome === 'unknown',
  )
  return unknown ? 'unknown' : 'failed'
}

export class GroupDelivery implements Delivery {
  readonly promise: Promise<RecordMetadata[]>
  readonly #results: (RecordMetadata | KafkaError)[]
  #left: number
  #anyFailed = false
  #settle!: { resolve(results: RecordMetadata[]): void; reject(error: unknown): void }

  constructor(size: number) {
    this.#results = new Array<RecordMetadata | KafkaError>(size)
    this.#left = size
    this.promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    if (size === 0) this.#settle.resolve([])
  }

  stored(index: number, metadata: RecordMetadata): void {
    this.#results[index] = metadata
    if (--this.#left === 0) this.#finish()
  }

  failed(index: number, error: unknown): void {
    this.#anyFailed = true
    this.#results[index] =
      error instanceof KafkaError
        ? error
        : new KafkaError(String(error), { cause: error, outcome: 'unknown' })
    if (--this.#left === 0) this.#finish()
  }

  #finish(): void {
    if (this.#anyFailed) this.#settle.reject(new BatchError(this.#results))
    else this.#settle.resolve(this.#results as RecordMetadata[])
  }
}
