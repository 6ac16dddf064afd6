/** librdkafka and Java's client read a compacted log. */
import { describe, test } from 'vitest'
import { missingForJava } from '../../kafka/java-class-path.ts'
import { javaRecords } from '../java/record-client.ts'
import { describeCompacted } from '../npm/compacted-log.ts'
import { confluent } from './confluent.ts'
import { librdkafka } from './record-client.ts'

const clients = {
  ...(confluent.missing === undefined && { 'confluent-kafka': librdkafka }),
  ...(!missingForJava && { 'Java client': javaRecords }),
}

if (Object.keys(clients).length > 0) describeCompacted(clients)
else describe('a compacted log', () => test.skip(`${confluent.missing}; ${missingForJava}`))
