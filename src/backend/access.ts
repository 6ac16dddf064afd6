/**
 * What a caller needs to be allowed: operations on resources, in the words of Kafka's ACLs (KIP-11). Filters ask for them;
 * whoever decides (the authorizer) knows nothing of requests.
 */

import { operations, resourceTypes } from '../protocol/acl-codes.ts'

export { operations, resourceTypes }

export type Operation = keyof typeof operations

export type ResourceType = keyof typeof resourceTypes

/** The name of the one resource of type `cluster`. */
export const clusterResource = 'kafka-cluster'

/** One operation on one resource. */
export interface Access {
  readonly operation: Operation
  readonly type: ResourceType
  readonly name: string
}

/** What a filter may look up: requests of newer versions name topics by id. */
export interface ResourceNames {
  /** Undefined for an id that no topic has: there is nothing to protect. */
  topicName(topicId: string): string | undefined
  /** Where names are learned: `topicName` is to be trusted only once it has looked an id up. */
  readonly lookUp?: (topicId: string) => Promise<void>
  /** Whether a topic that is asked for and missing is created. Default: it may be. */
  readonly createsTopics?: boolean
}

/** Topics that the server keeps what it must remember in have names with this beginning; clients do not write to them. */
export const systemTopicPrefix = '__kafka_do_'
