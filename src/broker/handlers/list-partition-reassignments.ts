/**
 * ListPartitionReassignments v0 (KIP-455): with one node there is never one. What does not exist is not mentioned either. As
 * in Apache Kafka.
 */

import {
  createListPartitionReassignmentsResponse,
  type ListPartitionReassignmentsResponse,
  listPartitionReassignments,
} from '../../protocol/messages/generated/list-partition-reassignments.ts'
import { listPartitionReassignmentsFilter } from '../access/cluster-filters.ts'
import { served } from '../served-api.ts'

function handleListPartitionReassignments(): ListPartitionReassignmentsResponse {
  return createListPartitionReassignmentsResponse({ errorMessage: null })
}

export const listPartitionReassignmentsApi = served({
  api: listPartitionReassignments,
  filter: listPartitionReassignmentsFilter,
  handle: handleListPartitionReassignments,
})
