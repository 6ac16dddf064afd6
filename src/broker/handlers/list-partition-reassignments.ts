/**
 * ListPartitionReassignments v0 (KIP-455): with one node there is never one. What does not exist is not mentioned either. As
 * in Apache Kafka.
 */
import {
  createListPartitionReassignmentsResponse,
  type ListPartitionReassignmentsResponse,
} from '../../protocol/messages/generated/list-partition-reassignments.ts'

export function handleListPartitionReassignments(): ListPartitionReassignmentsResponse {
  return createListPartitionReassignmentsResponse({ errorMessage: null })
}
