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
  const consumer = kafka.consumer<number>('many', { offset: Offset.earliest }).take(count)
  for await (const { value } of consumer) seen.add(value!)
  const looked = looks.mock.calls.length
  looks.mockRestore()
  expect(seen.size).toBe(count)
  expect(looked).toBeGreaterThan(0)
  // Each look at all partitions asks for the leader of each at most twice.
  expect(looked / (2 * partitions)).toBeLessThan(50)
})
