/** Short ways to take things away from a broker. Each gives Kafka's error name. */
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  createDeleteGroupsRequest,
  deleteGroups,
} from '../../src/protocol/messages/generated/delete-groups.ts'
import {
  createDeleteRecordsRequest,
  createDeleteRecordsRequestDeleteRecordsPartition,
  createDeleteRecordsRequestDeleteRecordsTopic,
  deleteRecords,
} from '../../src/protocol/messages/generated/delete-records.ts'
import {
  createDeleteTopicsRequest,
  deleteTopics,
} from '../../src/protocol/messages/generated/delete-topics.ts'
import type { TestBroker } from './test-broker.ts'

export async function deleteTopic({ ask }: TestBroker, name: string): Promise<string> {
  const request = createDeleteTopicsRequest({ topicNames: [name] })
  const response = await ask(deleteTopics, request, { version: 5 })
  return errorName(response.responses[0]!.errorCode)
}

export async function deleteGroup({ ask }: TestBroker, group: string): Promise<string> {
  const response = await ask(deleteGroups, createDeleteGroupsRequest({ groupsNames: [group] }))
  return errorName(response.results[0]!.errorCode)
}

/** Of partition 0. */
export async function deleteRecordsBefore(
  { ask }: TestBroker,
  name: string,
  offset: bigint,
): Promise<string> {
  const one = createDeleteRecordsRequestDeleteRecordsPartition({ partitionIndex: 0, offset })
  const topics = [createDeleteRecordsRequestDeleteRecordsTopic({ name, partitions: [one] })]
  const response = await ask(deleteRecords, createDeleteRecordsRequest({ topics, timeoutMs: 1000 }))
  return errorName(response.topics[0]!.partitions[0]!.errorCode)
}
