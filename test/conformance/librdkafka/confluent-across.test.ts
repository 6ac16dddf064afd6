/** What librdkafka wrote others read, and the other way: the npm clients, ours, and Java's. */
import { test } from 'vitest'
import { missingForJava } from '../../kafka/java-class-path.ts'
import { javaRecords } from '../java/record-client.ts'
import { describeExchange } from '../npm/exchange.ts'
import { recordClients } from '../npm/exchanged-record.ts'
import { keepsOldRecords, servedBroker, uniqueNames } from '../npm/served-broker.ts'
import { confluent } from './confluent.ts'
import { librdkafka } from './record-client.ts'

const broker = servedBroker(keepsOldRecords)
const unique = uniqueNames()
const theirs = ['confluent-kafka', librdkafka] as const
const java = ['Java client', javaRecords] as const
const others = Object.entries(recordClients)
const pairs = [
  ...others.flatMap((other) => [[theirs, other] as const, [other, theirs] as const]),
  [theirs, java] as const,
  [java, theirs] as const,
]

const missing = confluent.missing ?? (missingForJava && `lacks ${missingForJava}`)
if (missing === undefined) {
  for (const [writer, reader] of pairs) describeExchange(broker, unique, writer, reader)
} else if (process.env.CI === 'true') {
  throw new Error(missing)
} else {
  test.skip(`across clients (skipped: ${missing})`, () => undefined)
}
