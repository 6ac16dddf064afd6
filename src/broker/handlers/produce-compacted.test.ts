/** What a compacted topic asks of the records that are sent to it. */
import { describe, expect, test } from 'vitest'
import {
  createBatch,
  createTopic,
  openTestBroker,
  produceTo,
  setTopicConfig,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import { type CompressionName, loadCodec } from '../../protocol/compression/codec.ts'
import { setAppendTime } from '../../protocol/records/record-batch.ts'

async function withCompacted(policy = 'compact'): Promise<TestBroker> {
  const broker = await openTestBroker()
  await createTopic(broker, 't', 1, { 'cleanup.policy': policy })
  return broker
}

describe.each(['compact', 'compact,delete'])('cleanup.policy=%s', (policy) => {
  test('a batch with records without a key is refused whole, and each is named', async () => {
    const broker = await withCompacted(policy)
    const answer = await produceTo(broker, 't', createBatch(['a', null, 'b', null]))
    expect(answer).toMatchObject({ error: 'INVALID_RECORD', baseOffset: -1n })
    expect(answer.recordErrors).toEqual(
      [1, 3].map((batchIndex) => ({
        batchIndex,
        batchIndexErrorMessage:
          'Compacted topic cannot accept message without key in topic partition t-0.',
      })),
    )
    expect(answer.errorMessage).toContain('2 of 4 records')
    expect(await produceTo(broker, 't', createBatch(['a', '']))).toMatchObject({
      error: 'NONE',
      baseOffset: 0n,
    })
  })

  test('an idempotent producer can go on with the same sequence', async () => {
    const broker = await withCompacted(policy)
    const producer = { producerId: 1n, producerEpoch: 0, baseSequence: 0 }
    const refused = await produceTo(broker, 't', createBatch([null], producer))
    expect(refused.error).toBe('INVALID_RECORD')
    expect((await produceTo(broker, 't', createBatch(['a'], producer))).error).toBe('NONE')
  })
})

test.each(['gzip', 'snappy', 'lz4', 'zstd'] satisfies CompressionName[])(
  'records without a key are found in %s too',
  async (name) => {
    const broker = await withCompacted()
    const codec = await loadCodec(name)
    expect((await produceTo(broker, 't', createBatch(['a', null], { codec }))).error).toBe(
      'INVALID_RECORD',
    )
    expect((await produceTo(broker, 't', createBatch(['a'], { codec }))).error).toBe('NONE')
  },
)

test('a batch that cannot be read is refused: no compaction would get past it', async () => {
  const broker = await withCompacted()
  const codec = { ...(await loadCodec('gzip')), compress: () => new Uint8Array([1, 2, 3]) }
  expect((await produceTo(broker, 't', createBatch(['a'], { codec }))).error).toBe('INVALID_RECORD')
})

test('a topic that becomes compacted takes no more of them', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 't')
  expect((await produceTo(broker, 't', createBatch([null]))).error).toBe('NONE')
  await setTopicConfig(broker, 't', 'cleanup.policy', 'compact')
  expect((await produceTo(broker, 't', createBatch([null]))).error).toBe('INVALID_RECORD')
})

test('a batch that claims the time of its append is refused', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 't')
  await createTopic(broker, 'stamped', 1, { 'message.timestamp.type': 'LogAppendTime' })
  const claiming = () => stamped(createBatch(['a']))
  expect((await produceTo(broker, 't', claiming())).error).toBe('INVALID_TIMESTAMP')
  expect((await produceTo(broker, 'stamped', claiming())).error).toBe('NONE')
})

function stamped(records: Uint8Array): Uint8Array {
  setAppendTime(records, 0, 1_700_000_000_000)
  return records
}
