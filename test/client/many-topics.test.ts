/** Reading many topics takes few requests. */
import { expect, test } from 'vitest'
import type { BaseClient } from '../../src/client/client.ts'
import { MockClient } from '../../src/testing/index.ts'

const count = 500
const names = Array.from({ length: count }, (_, n) => `topic-${n}`)

function requestsOf(kafka: BaseClient): (api: string) => number {
  return (api) => {
    const metric = kafka.metrics().find(({ name }) => name === 'kafka_client_request_seconds_count')
    return metric?.values.find(({ labels }) => labels.api === api)?.value ?? 0
  }
}

test.each([undefined, 'group'])(
  'with group %s: one request for metadata, one for offsets',
  async (group) => {
    await using kafka = new MockClient()
    for (const name of names) await kafka.seed(name, [name])
    const requests = requestsOf(kafka)
    const before = requests('Metadata')
    const consumer = kafka.consumer<string>(names, { group })
    await consumer.ready()
    expect(requests('Metadata') - before).toBe(1)
    expect(requests('ListOffsets')).toBe(1)
    expect(requests('OffsetFetch')).toBe(group ? 1 : 0)
    expect(await consumer.take(count).toArray()).toHaveLength(count)
  },
)
