/**
 * What a log asks of the batches that it is sent, before it gives them offsets: length, checksum, counts, who may write
 * control records, and the size limit of the topic.
 */
import { CorruptDataError, KafkaError, MessageTooLargeError } from '../../core/errors.ts'
import { loadedCodec } from '../../protocol/compression/codec.ts'
import {
  type BatchHeader,
  readBatchHeader,
  verifyBatch,
} from '../../protocol/records/record-batch.ts'
import { RecordCursor } from '../../protocol/records/record-reader.ts'
import type { LogConfig } from './log-config.ts'

/** A client's batches are checked more closely than the broker's own. */
export type Origin = 'client' | 'broker'

type SentBatchRules = Pick<LogConfig, 'maxMessageBytes' | 'cleanupPolicy' | 'messageTimestampType'>

/** What is wrong with one record of a batch. */
export interface RecordError {
  /** Of the record in its batch, from 0. */
  readonly batchIndex: number
  readonly message: string
}

/** Some records of a batch are refused, and with them the whole batch. */
export class RecordsRefusedError extends KafkaError {
  readonly recordErrors: readonly RecordError[]

  constructor(message: string, recordErrors: readonly RecordError[]) {
    super(message, { code: 'INVALID_RECORD' })
    this.recordErrors = recordErrors
  }
}

/**
 * The headers of the batches in `records`, which are sound. `log` is its name, for messages. The codec of a client's batch for
 * a compacted log must have been loaded. Throws `KafkaError` INVALID_RECORD (`RecordsRefusedError` where it lies with some
 * records), INVALID_TIMESTAMP, MESSAGE_TOO_LARGE, UNSUPPORTED_COMPRESSION_TYPE and CORRUPT_MESSAGE.
 */
export function checkSentBatches(
  log: string,
  records: Uint8Array,
  origin: Origin,
  rules: SentBatchRules,
): BatchHeader[] {
  const { maxMessageBytes, cleanupPolicy } = rules
  const batches: BatchHeader[] = []
  for (let position = 0; position < records.length; ) {
    const batch = readBatchHeader(records, position)
    if (origin === 'client') checkSize(log, batch, maxMessageBytes)
    checkSum(log, batch, records)
    if (origin === 'client') checkClaims(log, batch, rules)
    batches.push(batch)
    position += batch.sizeInBytes
  }
  if (batches.length === 0) throw invalidRecord(`${log} was sent no record batch`)
  if (batches.length > 1 && origin === 'client') {
    throw invalidRecord(
      `${log} was sent ${batches.length} record batches; a request takes one per partition`,
    )
  }
  if (origin === 'client' && cleanupPolicy.compact) checkKeys(log, records, batches[0]!)
  return batches
}

function checkSize(log: string, { sizeInBytes }: BatchHeader, maxMessageBytes: number): void {
  if (sizeInBytes <= maxMessageBytes) return
  throw new MessageTooLargeError(
    `A batch of ${sizeInBytes} bytes for ${log} is over the topic's max.message.bytes (${maxMessageBytes}). Send smaller records or batches, or raise the limit`,
    { code: 'MESSAGE_TOO_LARGE' },
  )
}

function checkSum(log: string, batch: BatchHeader, records: Uint8Array): void {
  if (verifyBatch(records, batch)) return
  throw new CorruptDataError(
    `A batch for ${log} fails its checksum: it was damaged in transit. Send it again`,
    { code: 'CORRUPT_MESSAGE', retriable: true },
  )
}

function checkClaims(
  log: string,
  batch: BatchHeader,
  { messageTimestampType }: SentBatchRules,
): void {
  const { recordCount, lastOffsetDelta, isControl, producerId, producerEpoch, baseSequence } = batch
  // Where the broker stamps batches, one that is sent again may have its stamp.
  if (batch.timestampType === 'append' && messageTimestampType === 'CreateTime') {
    throw new KafkaError(`A batch for ${log} claims log append time, which only the broker sets`, {
      code: 'INVALID_TIMESTAMP',
    })
  }
  if (recordCount === 0 || recordCount !== lastOffsetDelta + 1) {
    throw invalidRecord(
      `A batch for ${log} claims ${recordCount} records over ${lastOffsetDelta + 1} offsets`,
    )
  }
  if (isControl) throw invalidRecord(`A client may not write control records (${log})`)
  if (producerId >= 0n && (producerEpoch < 0 || baseSequence < 0)) {
    throw invalidRecord(
      `A batch for ${log} has producer id ${producerId} without epoch or sequence`,
    )
  }
}

/**
 * Compaction keeps records by their keys and would remove one without. It reads every record, so a batch that cannot be
 * read is refused too: no compaction could ever get past it.
 */
function checkKeys(log: string, records: Uint8Array, batch: BatchHeader): void {
  const codec = batch.compression === 'none' ? undefined : loadedCodec(batch.compression)
  const refused: RecordError[] = []
  try {
    const cursor = new RecordCursor(records, batch, codec)
    for (let batchIndex = 0; cursor.next(); batchIndex++) {
      if (cursor.keyBytes() !== null) continue
      refused.push({
        batchIndex,
        message: `Compacted topic cannot accept message without key in topic partition ${log}.`,
      })
    }
  } catch (error) {
    if (!(error instanceof CorruptDataError)) throw error
    throw invalidRecord(`A batch for ${log} cannot be read: ${error.message}`)
  }
  if (refused.length === 0) return
  const count = `${refused.length} of ${batch.recordCount}`
  throw new RecordsRefusedError(
    `${count} records of a batch for ${log} have no key. The topic is compacted (cleanup.policy), which keeps records by key: give each record a key, or use a topic that is not compacted`,
    refused,
  )
}

function invalidRecord(message: string): KafkaError {
  return new KafkaError(message, { code: 'INVALID_RECORD' })
}
