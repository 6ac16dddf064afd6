/** Our client and kafkajs read a compacted log. */
import { describeCompacted } from './compacted-log.ts'
import { recordClients } from './exchanged-record.ts'

describeCompacted(recordClients)
