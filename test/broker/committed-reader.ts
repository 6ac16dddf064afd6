/** Reads a partition as a consumer of committed records does: our client's own way of leaving out what was aborted. */
import { FetchedRecords } from '../../src/client/consumer/fetched-records.ts'
import { fetchFrom, type TestBroker } from './test-broker.ts'

export interface CommittedReadOptions {
  readonly partition?: number
  readonly from?: bigint
  /** Small ones make fetches begin and end inside transactions. */
  readonly maxBytes?: number
}

/** All values up to the last stable offset. */
export async function readCommitted(
  broker: TestBroker,
  topic: string,
  { partition = 0, from = 0n, maxBytes = 1_000_000 }: CommittedReadOptions = {},
): Promise<string[]> {
  const values: string[] = []
  for (let offset = from; ; ) {
    const fetched = await fetchFrom(broker, topic, offset, {
      isolationLevel: 1,
      partition,
      maxBytes,
    })
    if (fetched.error !== 'NONE')
      throw new Error(`fetch of ${topic} at ${offset}: ${fetched.error}`)
    const { records, abortedTransactions } = fetched
    if (!records || records.length === 0) return values
    const read = new FetchedRecords(topic, records, offset, abortedTransactions ?? [])
    while (read.next()) values.push(read.cursor!.valueText() ?? '')
    if (read.position <= offset) throw new Error(`a fetch of ${topic} at ${offset} does not go on`)
    offset = read.position
  }
}
