/** The topics that servers keep what they remember in, and who is kept from them. */
import { type Operation, type ResourceType, systemTopicPrefix } from '../backend/access.ts'

/** Keys, rights, SCRAM users and quotas; compacted. */
export const accessTopic = `${systemTopicPrefix}access`
/** Who did what; for who has the right to read it. */
export const auditTopic = `${systemTopicPrefix}audit`

const seeing: ReadonlySet<Operation> = new Set(['describe', 'describeConfigs'])
/** Of the audit log, for who has the right. */
const readOnly: ReadonlySet<Operation> = new Set(['read'])

/**
 * Whether this is the server's alone, whatever rights say: to write and read the topics that it remembers something in, and to
 * write as it does, under its transactional ids.
 */
export function isServersOwn(operation: Operation, type: ResourceType, name: string): boolean {
  if ((type !== 'topic' && type !== 'transactionalId') || !name.startsWith(systemTopicPrefix))
    return false
  return !seeing.has(operation) && !(name === auditTopic && readOnly.has(operation))
}
