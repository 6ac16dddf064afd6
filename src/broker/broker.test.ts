import { expect, test } from 'vitest'
import {
  batch,
  createTopic,
  fetchFrom,
  metadataOf,
  openTestBroker,
  produceTo,
} from '../../test/broker/test-broker.ts'

test('what is produced can be fetched', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 2)
  expect(await produceTo(broker, 'orders', batch('a', 'b'), { partition: 1 })).toMatchObject({
    error: 'NONE',
    baseOffset: 0n,
  })
  const fetched = await fetchFrom(broker, 'orders', 0n, { partition: 1 })
  expect(fetched).toMatchObject({ error: 'NONE', highWatermark: 2n, values: ['a', 'b'] })
})

test('topics, settings and records survive a restart', async () => {
  const first = await openTestBroker()
  const topicId = await createTopic(first, 'orders', 3, { 'retention.ms': '-1' })
  await produceTo(first, 'orders', batch('a'), { partition: 2 })
  const second = await first.restart()
  const [topic] = await metadataOf(second, ['orders'])
  expect(topic).toMatchObject({ error: 'NONE', topicId })
  expect(topic!.partitions).toHaveLength(3)
  expect(await fetchFrom(second, 'orders', 0n, { partition: 2 })).toMatchObject({ values: ['a'] })
})
