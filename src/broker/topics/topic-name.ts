/** Kafka's rules for topic names, and the topics that belong to the broker itself. */
import { systemTopicPrefix } from '../../backend/access.ts'

export const topicNameLengthMax = 249

/** The broker's own record of topics, configs and producer ids; never visible to clients. */
export const metadataTopic = '__cluster_metadata'
/** Committed offsets and group metadata; visible, marked internal, and not to be written by clients. */
export const offsetsTopic = '__consumer_offsets'

/** What is known of transactional ids; as `offsetsTopic`. */
export const transactionsTopic = '__transaction_state'

export function isInternalTopic(name: string): boolean {
  return isBrokersTopic(name) || name.startsWith(systemTopicPrefix)
}

/** One that the broker itself writes to; what a server remembers in the others comes through the listener. */
export function isBrokersTopic(name: string): boolean {
  return name === offsetsTopic || name === transactionsTopic || name === metadataTopic
}

/** What is wrong with a name, as the end of a sentence; undefined when it is valid. */
export function faultOfTopicName(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name === '.' || name === '..') return "is '.' or '..'"
  if (name.length > topicNameLengthMax) return `is longer than ${topicNameLengthMax} characters`
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return "holds a character other than ASCII letters, digits, '.', '_' and '-'"
  }
  return undefined
}

/** Names that differ only in '.' and '_' would share metric names in Kafka, which forbids them side by side. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}
