/**
 * A compacted internal partition as a durable map of keys to values: append changes, replay them at start. Whoever
 * owns one keeps the current state in memory; the log is its history, and compaction keeps that short.
 */
import { CorruptDataError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { loadCodec } from '../../protocol/compression/codec.ts'
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'
import { readBatches } from '../../protocol/records/record-batch.ts'
import { RecordCursor } from '../../protocol/records/record-reader.ts'
import type { PartitionLog } from '../log/partition-log.ts'

export interface KeyedRecord {
  readonly key: Uint8Array | string
  /** Null removes the key. */
  readonly value: Uint8Array | string | null
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
   * Resolves when the records are on stable storage: all of them or, in a crash, none. Throws `MessageTooLargeError`,
   * `StorageError`; after a failed sync the outcome is unknown and the log is offline.
   */
  async append(records: readonly KeyedRecord[]): Promise<void> {
    if (records.length === 0) return
    const { lastOffset } = this.#log.append(this.#encode(records), 'broker')
    await this.#log.whenSynced(lastOffset + 1n)
  }

  #encode(records: readonly KeyedRecord[]): Uint8Array {
    const now = this.#runtime.now()
    try {
      for (const { key, value } of records) this.#builder.append(now, key, value)
      return this.#builder.build()
    } catch (error) {
      // It holds half of the records.
      this.#builder = new BatchBuilder()
      throw error
    }
  }

  /** Visits every record that is left, oldest first. Key and value are views, good during the call. */
  async replay(
    visit: (key: Uint8Array, value: Uint8Array | null, timestampMs: number) => void,
  ): Promise<void> {
    const log = this.#log
    const end = log.logEndOffset
    for (let offset = log.logStartOffset; offset < end; ) {
      const next = await this.#replayFrom(offset, end, visit)
      if (next <= offset) {
        throw new CorruptDataError(
          `${log.topic}-${log.partition} cannot be read at offset ${offset} (end ${end}): restore its folder from a backup`,
          { code: 'CORRUPT_MESSAGE' },
        )
      }
      offset = next
    }
  }

  async #replayFrom(
    offset: bigint,
    end: bigint,
    visit: (key: Uint8Array, value: Uint8Array | null, timestampMs: number) => void,
  ): Promise<bigint> {
    const bytes = await this.#log.read(offset, replayBytes, true, end)
    // Compaction may have left nothing up to the end.
    if (!bytes) return end
    let next = offset
    for (const header of readBatches(bytes)) {
      next = header.lastOffset + 1n
      if (header.isControl) continue
      const codec = header.compression === 'none' ? undefined : await loadCodec(header.compression)
      const cursor = new RecordCursor(bytes, header, codec)
      while (cursor.next()) {
        const key = cursor.keyBytes()
        if (key && cursor.offset >= offset) visit(key, cursor.valueBytes(), cursor.timestampMs)
      }
    }
    return next
  }
}
