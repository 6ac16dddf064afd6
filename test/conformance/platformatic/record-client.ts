/** How @platformatic/kafka writes and reads records. */
import { compatibilityPartitioner, compressionsAlgorithms } from '@platformatic/kafka'
import { allCompressions, byPartition, type RecordClient } from '../npm/exchanged-record.ts'
import * as platformatic from './platformatic-client.ts'

export const platformaticClient: RecordClient = {
  compressions: allCompressions.filter((name) => compressionsAlgorithms[name].available),
  async write(broker, topic, records, compression) {
    const messages = records.map(
      ({ key, value, headers, timestamp, partition }): platformatic.BufferToProduce => ({
        topic,
        ...(partition !== undefined && { partition }),
        ...(key && { key }),
        ...(value && { value }),
        headers: new Map(headers.map(([name, header]) => [Buffer.from(name), header])),
        timestamp: BigInt(timestamp),
      }),
    )
    // Its default spreads keys in a way of its own.
    const producer = platformatic.createProducer(broker, { partitioner: compatibilityPartitioner })
    await producer.send({ messages, compression })
  },
  async read(broker, topic, count) {
    const read = await platformatic.readAll(broker, topic, count)
    const records = read.map(({ partition, key, value, headerEntries, timestamp }) => ({
      partition,
      // It gives undefined for null, against its types.
      key: key ?? null,
      value: value ?? null,
      headers: headerEntries.map(([name, header]) => [name.toString(), header] as const),
      timestamp: Number(timestamp),
    }))
    return byPartition(records)
  },
}
