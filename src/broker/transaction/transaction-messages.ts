/** What goes into a transaction's state machine, and what comes out. */
import type { Outcome } from '../../protocol/error-codes.ts'

export type TransactionStatus =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** Versions of the transaction protocol (`transaction.version`): with 2 the epoch grows with every transaction (KIP-890). */
export type TransactionVersion = 0 | 2

/** What is stored of a transactional id. */
export interface TransactionSnapshot {
  readonly producerId: bigint
  /** The id before epochs ran out; -1n: none. */
  readonly previousProducerId: bigint
  /** The id that takes over when the end of this transaction is done; -1n: none. */
  readonly nextProducerId: bigint
  /** -1 before the first producer. */
  readonly producerEpoch: number
  /** The epoch that the producer had before the last step, for recognising its retries; -1: none. Not stored. */
  readonly lastProducerEpoch: number
  /** The producer's, milliseconds. */
  readonly timeoutMs: number
  readonly status: TransactionStatus
  readonly partitions: readonly TopicPartition[]
  /** Wall clock, milliseconds; -1 where no transaction has begun. */
  readonly startedAtMs: number
  readonly updatedAtMs: number
  /** By which version the transaction was ended last. */
  readonly clientVersion: TransactionVersion
}

/** The time by both clocks: what is stored has wall-clock times, deadlines are monotonic. */
export interface Now {
  readonly wallMs: number
  readonly monotonicMs: number
}

export interface ProducerIdAndEpoch {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface InitInput {
  readonly timeoutMs: number
  /** What a producer that goes on after an error believes to be (KIP-360); undefined for a new one. */
  readonly expected: ProducerIdAndEpoch | undefined
  /** An unused id, for when epochs have run out; needed when `wantsSpareProducerId`. */
  readonly spareProducerId: bigint | undefined
}

export interface AddInput extends ProducerIdAndEpoch {
  readonly partitions: readonly TopicPartition[]
  readonly clientVersion: TransactionVersion
}

export interface EndInput extends ProducerIdAndEpoch {
  readonly isCommit: boolean
  readonly clientVersion: TransactionVersion
  /** As in `InitInput`. */
  readonly spareProducerId: bigint | undefined
}

export interface TransactionReply extends ProducerIdAndEpoch {
  readonly error: Outcome
}

export type TransactionEffect =
  /** Store; then call `persisted` or `persistFailed`. */
  | { readonly type: 'persist'; readonly snapshot: TransactionSnapshot }
  /** Store some time: a crash before only repeats the step that led here. */
  | { readonly type: 'note'; readonly snapshot: TransactionSnapshot }
  /** Write markers to the partitions; when they are durable call `marked`. */
  | {
      readonly type: 'mark'
      readonly producerId: bigint
      readonly producerEpoch: number
      readonly isCommit: boolean
      readonly partitions: readonly TopicPartition[]
    }
  | { readonly type: 'reply'; readonly token: number; readonly reply: TransactionReply }
