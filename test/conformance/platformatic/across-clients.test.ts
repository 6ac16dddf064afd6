/** What one client wrote, another reads: byte for byte. */
import { expect, test } from 'vitest'
import { Client, defaultPartitioner } from '../../../src/index.ts'
import { describeClient } from '../describe-client.ts'
import { describeExchange } from '../npm/exchange.ts'
import { recordClients } from '../npm/exchanged-record.ts'
import { keepsOldRecords, servedBroker, uniqueNames } from '../npm/served-broker.ts'
import { platformaticClient } from './record-client.ts'

const broker = servedBroker(keepsOldRecords)
const unique = uniqueNames()
const start = 1_700_000_000_000
const clients = Object.entries({ ...recordClients, '@platformatic/kafka': platformaticClient })

for (const writer of clients) {
  for (const reader of clients) describeExchange(broker, unique, writer, reader)
}

describeClient(
  'Across clients: partitions',
  () => {
    test.each(clients)('keys go where they go for the others: %s', async (_, writer) => {
      const topic = unique('keys')
      const count = 60
      const keyed = Array.from({ length: count }, (_, i) => ({
        key: Buffer.from(`key ${i * 7919}`),
        value: Buffer.from(String(i)),
        headers: [],
        timestamp: start,
      }))
      await using client = new Client(broker.url)
      await client.admin.createTopic(topic, { partitions: 6 })
      await writer.write(broker, topic, keyed, 'none')
      const read = await recordClients['kafka-do']!.read(broker, topic, count)
      for (const { key, partition } of read) {
        const expected = defaultPartitioner({ topic, key, partitionCount: 6, sticky: 0 })
        expect(partition, String(key)).toBe(expected)
      }
    })
  },
  '',
)
