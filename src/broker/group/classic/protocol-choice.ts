/** What a group makes of its members' protocols (their assignors): which one is spoken, and whether a change matters. */
import { equalBytes } from '../../../core/bytes.ts'
import { CorruptDataError } from '../../../core/errors.ts'
import { ByteReader } from '../../../protocol/byte-reader.ts'
import { consumerProtocolSubscription } from '../../../protocol/messages/generated/consumer-protocol-subscription.ts'
import type { Protocol } from './group-messages.ts'

interface Speaker {
  readonly protocols: readonly Protocol[]
}

/** Whether all `others` speak one of `protocols`. */
export function haveCommon(protocols: readonly Protocol[], others: readonly Speaker[]): boolean {
  return protocols.some(({ name }) => others.every((other) => speaks(other, name)))
}

/** The protocol that most members prefer among those that all speak; there must be one. */
export function chooseProtocol(members: readonly Speaker[]): string {
  const common = new Set(
    members[0]!.protocols
      .map(({ name }) => name)
      .filter((name) => members.every((member) => speaks(member, name))),
  )
  const votes = new Map<string, number>()
  for (const { protocols } of members) {
    const choice = protocols.find(({ name }) => common.has(name))!.name
    votes.set(choice, (votes.get(choice) ?? 0) + 1)
  }
  return [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best))[0]
}

export function sameProtocols(a: readonly Protocol[], b: readonly Protocol[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, metadata }, i) => name === b[i]!.name && equalBytes(metadata, b[i]!.metadata))
  )
}

/**
 * Whether a static member that has come back wants what it wanted before. A consumer's metadata also says what it owns
 * and since which generation, which a restart always changes; only its topics count.
 */
export function wantsTheSame(protocolType: string, before: Uint8Array, now: Uint8Array): boolean {
  if (protocolType !== 'consumer') return true
  const topicsBefore = subscribedTopics(before)
  const topicsNow = subscribedTopics(now)
  if (!topicsBefore || !topicsNow) return equalBytes(before, now)
  return (
    topicsBefore.size === topicsNow.size && [...topicsNow].every((name) => topicsBefore.has(name))
  )
}

/**
 * Whether a group reads a topic, so that its offsets there are its own business. Consumers say what they read; where one
 * cannot be understood, or has only just come, it may be any topic. Of other members nobody knows.
 */
export function isSubscribed(
  protocolType: string,
  members: readonly { readonly subscription: Uint8Array }[],
  topic: string,
): boolean {
  if (protocolType !== 'consumer') return false
  return members.some(({ subscription }) => subscribedTopics(subscription)?.has(topic) ?? true)
}

/** The topics in a consumer's metadata; undefined when it cannot be read. */
export function subscribedTopics(metadata: Uint8Array): Set<string> | undefined {
  try {
    const reader = new ByteReader(metadata)
    const { minVersion, maxVersion } = consumerProtocolSubscription
    const version = reader.readInt16()
    if (version < minVersion) return undefined
    const { topics } = consumerProtocolSubscription.decode(reader, Math.min(version, maxVersion))
    return new Set(topics)
  } catch (error) {
    if (error instanceof CorruptDataError) return undefined
    throw error
  }
}

function speaks({ protocols }: Speaker, name: string): boolean {
  return protocols.some((own) => own.name === name)
}
