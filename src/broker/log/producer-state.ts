/**
 * What a partition knows of its producers (KIP-98): epoch, the last five batches of each, open transactions. Pure:
 * it is told of batches and answers; the log does the I/O.
 *
 * A batch is checked against the state before it is appended and recorded after. A batch that equals one of the
 * last five is a retry: its producer gets the original offsets again.
 *
 * Snapshot, in Kafka's format: version int16 1 | CRC-32C uint32 of all that follows | count int32 | entries. To keep
 * all five batches across a restart there is one entry for each, oldest first; a reader that lets the last entry of a
 * producer win, as Kafka's does, sees what it expects.
 */
import { allocateBytes } from '../../core/bytes.ts'
import { KafkaError, ProducerFencedError } from '../../core/errors.ts'
import { crc32c } from '../../protocol/records/crc32c.ts'
import type { BatchHeader } from '../../protocol/records/record-batch.ts'

const rememberedBatches = 5
const entryBytes = 46
const snapshotHeaderBytes = 10
const sequenceModulus = 2 ** 31

interface ProducedBatch {
  readonly lastSequence: number
  readonly lastOffset: bigint
  readonly offsetDelta: number
  readonly timestamp: bigint
}

interface ProducerEntry {
  epoch: number
  coordinatorEpoch: number
  /** Oldest first; at most five. */
  batches: ProducedBatch[]
  /** Of the open transaction; -1n when there is none. */
  transactionFirstOffset: bigint
  lastTimestamp: bigint
  /** When it was last heard of, wall-clock milliseconds; event times may be of any age. */
  lastSeenMs: number
}

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly lastStableOffset: bigint
}

export interface ProducerView {
  readonly producerId: bigint
  readonly epoch: number
  readonly lastSequence: number
  readonly lastTimestamp: bigint
  readonly coordinatorEpoch: number
  readonly transactionFirstOffset: bigint
}

export class ProducerState {
  readonly #producers = new Map<bigint, ProducerEntry>()

  /**
   * Judges a batch that a client wants to append: undefined when it is next in order, or its original place when it
   * is a retry. Throws INVALID_PRODUCER_EPOCH or OUT_OF_ORDER_SEQUENCE_NUMBER.
   */
  check(
    batch: BatchHeader,
  ): { baseOffset: bigint; lastOffset: bigint; timestamp: bigint } | undefined {
    const entry = this.#producers.get(batch.producerId)
    if (batch.producerId < 0n || !entry) return undefined
    const { producerId, producerEpoch, baseSequence } = batch
    if (entry.transactionFirstOffset >= 0n && !batch.isTransactional) {
      throw new KafkaError(
        `Producer ${producerId} has an open transaction and sent a record outside it`,
        { code: 'INVALID_TXN_STATE' },
      )
    }
    if (producerEpoch < entry.epoch) {
      throw new ProducerFencedError(
        `Producer ${producerId} has epoch ${producerEpoch}, but ${entry.epoch} has been seen: a newer producer took over`,
        { code: 'INVALID_PRODUCER_EPOCH' },
      )
    }
    const isNewEpoch = producerEpoch > entry.epoch
    if (!isNewEpoch) {
      const lastSequence = (baseSequence + batch.lastOffsetDelta) % sequenceModulus
      const original = entry.batches.find(
        (known) =>
          known.lastSequence === lastSequence && known.offsetDelta === batch.lastOffsetDelta,
      )
      if (original) {
        const { lastOffset, offsetDelta, timestamp } = original
        return { baseOffset: lastOffset - BigInt(offsetDelta), lastOffset, timestamp }
      }
    }
    // Without a batch of this epoch the epoch came with a marker (KIP-890): its first batch is still to come.
    const last = isNewEpoch ? undefined : entry.batches.at(-1)
    const expected = last ? (last.lastSequence + 1) % sequenceModulus : 0
    if (baseSequence !== expected) {
      throw new KafkaError(
        `Producer ${producerId} sent sequence ${baseSequence} where ${expected} follows`,
        { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
      )
    }
    return undefined
  }

  /** Records a batch that is in the log at its final offsets. */
  record(batch: BatchHeader, nowMs: number): void {
    if (batch.producerId < 0n || batch.isControl) return
    const entry = this.#entry(batch.producerId, batch.producerEpoch)
    if (batch.baseSequence >= 0) {
      entry.batches.push({
        lastSequence: (batch.baseSequence + batch.lastOffsetDelta) % sequenceModulus,
        lastOffset: batch.lastOffset,
        offsetDelta: batch.lastOffsetDelta,
        timestamp: batch.maxTimestamp,
      })
      if (entry.batches.length > rememberedBatches) entry.batches.shift()
    }
    entry.lastTimestamp = batch.maxTimestamp
    entry.lastSeenMs = nowMs
    if (batch.isTransactional && entry.transactionFirstOffset < 0n)
      entry.transactionFirstOffset = batch.baseOffset
  }

  /** What an abort marker adds to the aborted index: nothing when the producer has no open transaction. */
  abortedBy({ producerId, lastOffset }: BatchHeader): AbortedTransaction | undefined {
    const firstOffset = this.#producers.get(producerId)?.transactionFirstOffset ?? -1n
    if (firstOffset < 0n) return undefined
    let lastStableOffset = lastOffset + 1n
    for (const [id, { transactionFirstOffset: first }] of this.#producers)
      if (id !== producerId && first >= 0n && first < lastStableOffset) lastStableOffset = first
    return { producerId, firstOffset, lastOffset, lastStableOffset }
  }

  /** Records the end of a transaction; returns what to add to the aborted index when it was aborted. */
  recordMarker(
    batch: BatchHeader,
    isCommit: boolean,
    coordinatorEpoch: number,
    nowMs: number,
  ): AbortedTransaction | undefined {
    const entry = this.#entry(batch.producerId, batch.producerEpoch)
    const firstOffset = entry.transactionFirstOffset
    entry.transactionFirstOffset = -1n
    entry.coordinatorEpoch = coordinatorEpoch
    entry.lastTimestamp = batch.maxTimestamp
    entry.lastSeenMs = nowMs
    if (isCommit || firstOffset < 0n) return undefined
    const lastStableOffset = this.firstUnstableOffset() ?? batch.lastOffset + 1n
    return {
      producerId: batch.producerId,
      firstOffset,
      lastOffset: batch.lastOffset,
      lastStableOffset,
    }
  }

  /** What is known of a producer, -1n where it has no open transaction; undefined when nothing is. */
  stateOf(
    producerId: bigint,
  ): { readonly epoch: number; readonly transactionFirstOffset: bigint } | undefined {
    return this.#producers.get(producerId)
  }

  /** Where the oldest open transaction began; undefined when none is open. */
  firstUnstableOffset(): bigint | undefined {
    let first: bigint | undefined
    for (const { transactionFirstOffset } of this.#producers.values()) {
      if (transactionFirstOffset >= 0n && (first === undefined || transactionFirstOffset < first))
        first = transactionFirstOffset
    }
    return first
  }

  /** Forgets producers that were last heard of before `timestampMs`, except in a transaction. */
  expire(timestampMs: number): void {
    for (const [id, entry] of this.#producers) {
      if (entry.transactionFirstOffset < 0n && entry.lastSeenMs < timestampMs)
        this.#producers.delete(id)
    }
  }

  clear(): void {
    this.#producers.clear()
  }

  /** The sequence that the producer's last batch ends with; undefined when none is known. */
  lastOffsetOf(producerId: bigint): bigint | undefined {
    return this.#producers.get(producerId)?.batches.at(-1)?.lastOffset
  }

  views(): ProducerView[] {
    return [...this.#producers].map(([producerId, entry]) => ({
      producerId,
      epoch: entry.epoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      transactionFirstOffset: entry.transactionFirstOffset,
    }))
  }

  toSnapshot(): Uint8Array {
    const rows = [...this.#producers].flatMap(([producerId, entry]) => {
      const batches: (ProducedBatch | undefined)[] =
        entry.batches.length > 0 ? entry.batches : [undefined]
      return batches.map((batch) => ({ producerId, entry, batch }))
    })
    const bytes = allocateBytes(snapshotHeaderBytes + rows.length * entryBytes)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    view.setInt16(0, 1)
    view.setInt32(6, rows.length)
    rows.forEach(({ producerId, entry, batch }, i) => {
      const at = snapshotHeaderBytes + i * entryBytes
      view.setBigInt64(at, producerId)
      view.setInt16(at + 8, entry.epoch)
      view.setInt32(at + 10, batch?.lastSequence ?? -1)
      view.setBigInt64(at + 14, batch?.lastOffset ?? -1n)
      view.setInt32(at + 22, batch?.offsetDelta ?? 0)
      view.setBigInt64(at + 26, batch?.timestamp ?? entry.lastTimestamp)
      view.setInt32(at + 34, entry.coordinatorEpoch)
      view.setBigInt64(at + 38, entry.transactionFirstOffset)
    })
    view.setUint32(2, crc32c(bytes, 6))
    return bytes
  }

  /** Takes over a snapshot; false when it is damaged, and then nothing has changed. */
  restore(bytes: Uint8Array, nowMs: number): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (
      bytes.length < snapshotHeaderBytes ||
      view.getInt16(0) !== 1 ||
      view.getUint32(2) !== crc32c(bytes, 6)
    )
      return false
    const count = view.getInt32(6)
    if (count < 0 || bytes.length !== snapshotHeaderBytes + count * entryBytes) return false
    this.#producers.clear()
    for (let i = 0; i < count; i++) {
      const at = snapshotHeaderBytes + i * entryBytes
      const entry = this.#entry(view.getBigInt64(at), view.getInt16(at + 8))
      const lastSequence = view.getInt32(at + 10)
      const timestamp = view.getBigInt64(at + 26)
      if (lastSequence >= 0) {
        entry.batches.push({
          lastSequence,
          lastOffset: view.getBigInt64(at + 14),
          offsetDelta: view.getInt32(at + 22),
          timestamp,
        })
      }
      entry.lastTimestamp = timestamp
      entry.lastSeenMs = nowMs
      entry.coordinatorEpoch = view.getInt32(at + 34)
      entry.transactionFirstOffset = view.getBigInt64(at + 38)
    }
    return true
  }

  #entry(producerId: bigint, epoch: number): ProducerEntry {
    let entry = this.#producers.get(producerId)
    if (!entry) {
      entry = {
        epoch,
        coordinatorEpoch: -1,
        batches: [],
        transactionFirstOffset: -1n,
        lastTimestamp: -1n,
        lastSeenMs: 0,
      }
      this.#producers.set(producerId, entry)
    }
    if (epoch !== entry.epoch) {
      entry.epoch = epoch
      entry.batches = []
    }
    return entry
  }
}
