/** What a topic of one partition holds, as text. */
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  fetch,
} from '../../src/protocol/messages/generated/fetch.ts'
import { readBatches } from '../../src/protocol/records/record-batch.ts'
import { RecordCursor } from '../../src/protocol/records/record-reader.ts'
import type { Ask } from './guarded-broker.ts'

/** Resolves once there are so many records at least. */
export async function readTopic(ask: Ask, topic: string, count: number): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const partitions = [
      createFetchRequestFetchPartition({
        partition: 0,
        fetchOffset: 0n,
        partitionMaxBytes: 1_000_000,
      }),
    ]
    const request = createFetchRequest({
      ...{ maxWaitMs: 100, minBytes: 1, maxBytes: 1_000_000, sessionEpoch: -1 },
      topics: [createFetchRequestFetchTopic({ topic, partitions })],
    })
    const [answer] = (await ask(fetch, request, 12)).responses[0]!.partitions
    if (answer!.errorCode !== 0) throw new Error(`error ${answer!.errorCode}`)
    const values: string[] = []
    const records = answer!.records ?? new Uint8Array(0)
    for (const header of readBatches(records)) {
      const cursor = new RecordCursor(records, header)
      while (cursor.next()) values.push(cursor.valueText() ?? '')
    }
    if (values.length >= count) return values
    if (tries > 30) throw new Error(`${topic} holds ${values.length} records: ${values.join()}`)
  }
}
