/** Lines that are stored as they come, where the cluster fails them. */
import { expect, test } from 'vitest'
import { BatchError } from '../../client/producer/delivery.ts'
import { encodeUtf8 } from '../../core/bytes.ts'
import { KafkaError } from '../../core/errors.ts'
import type { BytesProducer } from '../callers.ts'
import { storeLines } from './record-lines.ts'

async function* body() {
  yield encodeUtf8('{"value":1}\n{"value":2}\n')
}

test('where none is stored for sure, one that may be counts for all', async () => {
  const errors = (['failed', 'unknown'] as const).map(
    (outcome) => new KafkaError(outcome, { code: 'NETWORK_EXCEPTION', outcome }),
  )
  const sendBatch = () => Promise.reject(new BatchError(errors))
  const producer = { sendBatch } as unknown as BytesProducer
  const limits = { maxJsonDepth: 10, maxLineBytes: 1000 }
  await expect(storeLines(producer, body(), limits)).rejects.toMatchObject({ outcome: 'unknown' })
})
