/**
 * Rights in short, for people, as they are given to a key:
 *
 *   produce:orders.*            write to topics whose names begin with `orders.`
 *   produce:orders@pay-*        and within transactions whose ids begin with `pay-`
 *   consume:orders.*@billing    read them, in the group `billing`
 *   consume:orders              read the topic, without a group
 *   manage:orders.*             create, change and delete topics, and their records and configs
 *   keys                        make keys that may less, and manage those
 *   admin                       everything
 */

import type { Operation, ResourceType } from '../../backend/access.ts'
import { clusterResource, resourceTypes } from '../../backend/access.ts'
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { type AclBinding, type AclOperation, anyName, type PatternType } from './acl.ts'

const topicName = /^[\w.-]{0,249}\*?$/
const groupName = /^[^@*]{0,255}\*?$/
export const scopesMax = 100

const verbs: {
  readonly [verb: string]: {
    readonly topic: readonly Operation[]
    /** What stands behind `@`. */
    readonly at?: { readonly type: ResourceType; readonly operations: readonly Operation[] }
  }
} = {
  produce: {
    topic: ['write', 'describe'],
    at: { type: 'transactionalId', operations: ['write', 'describe'] },
  },
  consume: {
    topic: ['read', 'describe'],
    at: { type: 'group', operations: ['read', 'describe'] },
  },
  manage: {
    topic: ['create', 'delete', 'alter', 'describe', 'describeConfigs', 'alterConfigs'],
  },
}

/** What a scope comes to, for this principal. Throws `ConfigError` that says what is allowed. */
export function bindingsOf(scope: string, principal: string): AclBinding[] {
  const allow = (type: ResourceType, name: string, operation: AclOperation): AclBinding => ({
    ...{ type, operation, principal, host: '*', permission: 'allow' },
    ...patternOf(name),
  })
  if (scope === 'admin') {
    return (Object.keys(resourceTypes) as ResourceType[]).map((type) =>
      allow(type, type === 'cluster' ? clusterResource : anyName, 'all'),
    )
  }
  if (scope === 'keys')
    return (['createTokens', 'describeTokens'] as const).map((one) => allow('user', anyName, one))
  const [, name, topic, at] = /^([a-z]+):([^@]*)(?:@(.*))?$/s.exec(scope) ?? []
  const verb = Object.hasOwn(verbs, name ?? '') ? verbs[name!] : undefined
  if (!verb || !topic || !topicName.test(topic)) throw unreadable(scope)
  if (at !== undefined && (!verb.at || at === '' || !groupName.test(at))) throw unreadable(scope)
  return [
    ...verb.topic.map((operation) => allow('topic', topic, operation)),
    ...(at === undefined ? [] : verb.at!.operations.map((one) => allow(verb.at!.type, at, one))),
  ]
}

/** `orders.*` is a beginning, `*` is all, anything else a name. */
function patternOf(name: string): { readonly name: string; readonly pattern: PatternType } {
  const isPrefix = name.endsWith('*') && name !== anyName
  return isPrefix ? { name: name.slice(0, -1), pattern: 'prefixed' } : { name, pattern: 'literal' }
}

function unreadable(scope: unknown): Error {
  return invalid(
    `scope ${inspectBriefly(scope)} cannot be read; scopes are 'admin', 'keys', 'produce:TOPIC', 'produce:TOPIC@TRANSACTIONAL_ID', 'consume:TOPIC', 'consume:TOPIC@GROUP' and 'manage:TOPIC', where a name may end in * to match a prefix`,
  )
}

/** Throws `ConfigError` for what is no list of scopes. */
export function checkScopes(scopes: unknown): asserts scopes is readonly string[] {
  const isList = Array.isArray(scopes) && scopes.length > 0 && scopes.length <= scopesMax
  if (!isList)
    throw invalid(
      `scopes must be a list of 1 to ${scopesMax} scopes; got ${inspectBriefly(scopes)}`,
    )
  for (const scope of scopes) {
    if (typeof scope !== 'string') throw unreadable(scope)
    bindingsOf(scope, 'User:x')
  }
}
