/** What a server is told by the cluster behind it that does not let it keep what it must remember. */
import { KafkaError } from '../core/errors.ts'
import { systemTopicPrefix } from './access.ts'

const refusals: ReadonlySet<string> = new Set([
  ...['TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'],
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
])

/** `error`, or where it is a right that the server misses, one that says so, and what to do. */
export function orNotTrusted(error: unknown, topic: string): unknown {
  if (!(error instanceof KafkaError) || !refusals.has(error.code)) return error
  return new KafkaError(
    `The cluster behind this gateway does not let it keep what it must remember in topic '${topic}' (${error.code}). If that is kafka-do, name this gateway's principal there (gateways, --gateways); elsewhere it needs CREATE, READ and WRITE on the topics, and WRITE on the transactional ids, that begin with ${systemTopicPrefix}`,
    { code: 'GATEWAY_NOT_TRUSTED', cause: error },
  )
}
