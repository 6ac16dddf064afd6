/**
 * A compacted internal partition as a durable map of keys to values: append changes, replay them at start. Whoever
 * owns one keeps the current state in memory; the log is its history, and compaction keeps that short.
 */
import type { Runtime } from '../../core/runtime.ts'
import { loadCodec } from '../../protocol/compression/codec.ts'
import { BatchBuilder, type BuildOptions } from '../../protocol/records/batch-builder.ts'
import { readBatches } from '../../protocol/records/record-batch.ts'
import { RecordCursor } from '../../protocol/records/record-reader.ts'
import { type ControlType, type MarkerProducer, readControlType } from '../log/control-record.ts'
import { type LostRange, LostRecordsError } from '../log/lost-range.ts'
import type { PartitionLog } from '../log/partition-log.ts'

export interface KeyedRecord {
  readonly key: Uint8Array | string
  /** Null removes the key. */
  readonly value: Uint8Array | string | null
}

/** Where a record stands, and whose transaction it belongs to. */
export interface RecordPlace {
  readonly offset: bigint
  readonly timestampMs: number
  /** The producer of the transaction that it is part of: it counts once that is committed. Undefined: it counts. */
  readonly transactionOf: bigint | undefined
}

export interface ReplayVisitor {
  /** Key and value are views, good during the call. */
  record(key: Uint8Array, value: Uint8Array | null, place: RecordPlace): void
  /** A producer's transaction ends at this offset. */
  marker?(producerId: bigint, type: ControlType, offset: bigint): void
}

const replayBytes = 1024 * 1024

export class KeyedLog {
  readonly #log: PartitionLog
  readonly #runtime: Runtime
  #builder = new BatchBuilder()

  constructor(log: PartitionLog, runtime: Runtime) {
    this.#log = log
    this.#runtime = runtime
  }

  /**
   * Resolves when the records are on stable storage, all of them or, in a crash, none; gives the offset of the first. Throws `MessageTooLargeError`,
   * `StorageError`; after a failed sync the outcome is unknown and the log is offline.
   */
  async append(records: readonly KeyedRecord[]): Promise<bigint> {
    if (records.length === 0) return this.#log.logEndOffset
    const baseOffset = this.appendSoon(records)
    await this.#log.whenSynced()
    return baseOffset
  }

  /** As `append`, without the wait: a crash may take the records back, with all that follow. Returns their offset. */
  appendSoon(records: readonly KeyedRecord[]): bigint {
    return this.#log.append(this.#encode(records), 'broker').baseOffset
  }

  /** As `appendSoon`; the records count once the producer's transaction is committed. */
  appendInTransaction(records: readonly KeyedRecord[], producer: MarkerProducer): bigint {
    const options = { ...producer, isTransactional: true }
    return this.#log.append(this.#encode(records, options), 'broker').baseOffset
  }

  /** Resolves when everything that was appended is on stable storage. */
  whenSynced(): Promise<void> {
    return this.#log.whenSynced()
  }

  #encode(records: readonly KeyedRecord[], options: BuildOptions = {}): Uint8Array {
    const now = this.#runtime.now()
    try {
      for (const { key, value } of records) this.#builder.append(now, key, value)
      return this.#builder.build(options)
    } catch (error) {
      // It holds half of the records.
      this.#builder = new BatchBuilder()
      throw error
    }
  }

  /** Visits every record that is left, oldest first. Resolves with what is damaged, and so was not visited. */
  async replay(visitor: ReplayVisitor): Promise<LostRange[]> {
    const log = this.#log
    const end = log.logEndOffset
    const lost = log.lostStart ? [log.lostStart] : []
    for (let offset = log.logStartOffset; offset < end; ) {
      try {
        offset = await this.#replayFrom(offset, end, visitor)
      } catch (error) {
        if (!(error instanceof LostRecordsError)) throw error
        const to = error.range.to > offset ? error.range.to : offset + 1n
        lost.push({ from: offset, to })
        offset = to
      }
    }
    return lost
  }

  async #replayFrom(offset: bigint, end: bigint, visitor: ReplayVisitor): Promise<bigint> {
    const bytes = await this.#log.read(offset, replayBytes, true, end)
    // Compaction may have left nothing up to the end.
    if (!bytes) return end
    let next = offset
    for (const header of readBatches(bytes)) {
      next = header.lastOffset + 1n
      if (header.isControl) {
        const { producerId, baseOffset } = header
        if (next > offset) visitor.marker?.(producerId, readControlType(bytes, header), baseOffset)
        continue
      }
      const transactionOf = header.isTransactional ? header.producerId : undefined
      const codec = header.compression === 'none' ? undefined : await loadCodec(header.compression)
      const cursor = new RecordCursor(bytes, header, codec)
      while (cursor.next()) {
        const key = cursor.keyBytes()
        const { offset: at, timestampMs } = cursor
        if (key && at >= offset) {
          visitor.record(key, cursor.valueBytes(), { offset: at, timestampMs, transactionOf })
        }
      }
    }
    return next > offset ? next : offset + 1n
  }
}
