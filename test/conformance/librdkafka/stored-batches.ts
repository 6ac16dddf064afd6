/** The record batches of a topic's first partition as they lie in the log: what a client really sent. */
import { resolveClientConfig } from '../../../src/client/config.ts'
import { openConnection } from '../../../src/entry/open-connection.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  fetch,
} from '../../../src/protocol/messages/generated/fetch.ts'
import { type BatchHeader, readBatches } from '../../../src/protocol/records/record-batch.ts'

const byNameVersion = 12

export async function storedBatches(url: string, topic: string): Promise<BatchHeader[]> {
  const connection = openConnection(resolveClientConfig({ url }, {}), undefined)
  try {
    const request = createFetchRequest({
      maxBytes: 100_000_000,
      topics: [
        createFetchRequestFetchTopic({
          topic,
          partitions: [createFetchRequestFetchPartition({ partitionMaxBytes: 100_000_000 })],
        }),
      ],
    })
    const options = { nodeId: 1, maxVersion: byNameVersion }
    const response = await connection.exchange(fetch, request, options)
    const records = response.responses[0]?.partitions[0]?.records
    return [...readBatches(records ?? new Uint8Array(0))]
  } finally {
    await connection.close()
  }
}
