/** A record costs the same whatever the number of partitions: they are not all looked at for each. */
import { expect, test, vi } from 'vitest'
import { Cluster } from '../../src/client/cluster.ts'
import { Offset } from '../../src/client/consumer/offset.ts'
import { MockClient } from '../../src/testing/index.ts'

const partitions = 200
const perPartition = 50
const count = partitions * perPartition

test('consuming looks at the partitions once for each fetch, and not for each record', async () => {
  await using kafka = new MockClient()
  await kafka.admin.createTopic('many', { partitions })
  const producer = kafka.producer<number>('many')
  for (let n = 0; n < count; n += partitions)
    await Promise.all(
      Array.from({ length: partitions }, (_, partition) =>
        producer.send(n + partition, { partition }),
      ),
    )
  const looks = vi.spyOn(Cluster.prototype, 'leaderOf')
  const seen = new Set<number>()
  const fetches = () => {
    const metric = kafka.metrics().find(({ name }) => name === 'kafka_client_request_seconds_count')
    return metric?.values.find(({ labels }) => labels.api === 'Fetch')?.value ?? 0
  }
  const options = { offset: Offset.earliest, fetchMaxBytes: 50_000 }
  const consumer = kafka.consumer<number>('many', options).take(count)
  for await (const { value } of consumer) seen.add(value!)
  const looked = looks.mock.calls.length
  looks.mockRestore()
  expect(seen.size).toBe(count)
  // A look at all partitions asks for the leader of each at most twice; there is one before a fetch, and one after.
  expect(looked).toBeGreaterThan(partitions)
  expect(looked / (2 * partitions)).toBeLessThan(2 * fetches() + 10)
})
