/**
 * Runs the transcripts in `scenarios/`: steps against the group's state machine, and below each what comes of it.
 * UPDATE_SCENARIOS=1 writes what comes now; read the difference before you keep it.
 *
 *   t=N                                  lets time pass up to N milliseconds (and the group act on it)
 *   join LABEL [id=ID] [v=N] [instance=I] [session=MS] [rebalance=MS] [protocols=NAME:METADATA,…] [type=T]
 *   sync LABEL id=ID generation=N [assign=ID:ASSIGNMENT,…] [instance=I]
 *   heartbeat id=ID generation=N [instance=I]
 *   leave [id=ID] [instance=I]
 *   commit id=ID generation=N [instance=I]
 *   restart                              the coordinator starts again from the last snapshot
 *
 * A member that gets an id gets `LABEL!`. METADATA is text, or `~TOPIC+TOPIC@GENERATION`: the bytes of a consumer that
 * subscribes to those topics and owned partition 0 of each in that generation (none when it is -1).
 */
import { fileURLToPath } from 'node:url'
import { testTranscripts } from '../../../../test/transcripts.ts'
import { decodeUtf8, encodeUtf8 } from '../../../core/bytes.ts'
import { ByteReader } from '../../../protocol/byte-reader.ts'
import { ByteWriter } from '../../../protocol/byte-writer.ts'
import {
  consumerProtocolSubscription,
  createConsumerProtocolSubscription,
} from '../../../protocol/messages/generated/consumer-protocol-subscription.ts'
import { ClassicGroup } from './classic-group.ts'
import type { Effect, GroupSnapshot, JoinReply, SyncReply } from './group-messages.ts'

const folder = fileURLToPath(new URL('scenarios/', import.meta.url))
const limits = { initialRebalanceDelayMs: 0, maxSize: 3 }

type Arguments = { readonly [name: string]: string }

class Scenario {
  #group: ClassicGroup
  #snapshot: GroupSnapshot | undefined
  #nowMs = 0
  readonly #labels: string[] = []
  readonly #answered = new Set<number>()
  readonly #limits: typeof limits

  constructor(settings: Arguments) {
    this.#limits = {
      initialRebalanceDelayMs: Number(settings.initialDelay ?? limits.initialRebalanceDelayMs),
      maxSize: Number(settings.maxSize ?? limits.maxSize),
    }
    this.#group = new ClassicGroup('g', this.#limits)
  }

  /** What a step does, a line each, and the state it leaves. */
  step(line: string): string[] {
    const [verb, ...rest] = line.split(/\s+/)
    const time = /^t=(\d+)$/.exec(verb!)
    const label = rest[0] && !rest[0].includes('=') ? rest.shift()! : ''
    const given: Arguments = Object.fromEntries(
      rest.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    )
    const out = time ? this.#passTime(Number(time[1])) : this.#act(verb!, label, given)
    const { state, generation, size } = this.#group
    return [
      ...out,
      `${state}, generation ${generation}, ${size} ${size === 1 ? 'member' : 'members'}`,
    ]
  }

  #passTime(until: number): string[] {
    const out: string[] = []
    for (let due = this.#group.nextDeadlineMs(); due <= until; due = this.#group.nextDeadlineMs()) {
      this.#nowMs = Math.max(this.#nowMs, due)
      const effects = this.#group.tick(this.#nowMs)
      out.push(...this.#show(effects).map((text) => `at ${this.#nowMs}: ${text}`))
    }
    this.#nowMs = until
    return out
  }

  #act(verb: string, label: string, given: Arguments): string[] {
    const instance = given.instance ?? null
    const generation = Number(given.generation ?? -1)
    const id = given.id ?? ''
    if (verb === 'join') return this.#show(this.#join(label, given))
    if (verb === 'sync') return this.#show(this.#sync(label, given))
    if (verb === 'heartbeat') return [this.#group.heartbeat(id, instance, generation, this.#nowMs)]
    if (verb === 'commit') return [this.#group.checkCommit(id, instance, generation, this.#nowMs)]
    if (verb === 'leave') {
      const { error, effects } = this.#group.leave(id, instance, this.#nowMs)
      return [error, ...this.#show(effects)]
    }
    if (verb === 'restart') {
      this.#group = ClassicGroup.restore('g', this.#limits, this.#snapshot!, this.#nowMs)
      return []
    }
    throw new Error(`unknown step: ${verb}`)
  }

  #join(label: string, given: Arguments): Effect[] {
    const version = Number(given.v ?? 9)
    const input = {
      memberId: given.id ?? '',
      newMemberId: `${label}!`,
      groupInstanceId: given.instance ?? null,
      clientId: 'client',
      clientHost: 'host',
      sessionTimeoutMs: Number(given.session ?? 10_000),
      rebalanceTimeoutMs: Number(given.rebalance ?? 30_000),
      protocolType: given.type ?? 'consumer',
      protocols: (given.protocols ?? 'range:t').split(',').map((text) => {
        const [name, metadata] = text.split(':')
        return { name: name!, metadata: encodeMetadata(metadata ?? '') }
      }),
      requiresKnownMemberId: version >= 4,
      canSkipAssignment: version >= 9,
    }
    return this.#group.join(input, this.#token(label), this.#nowMs)
  }

  #sync(label: string, given: Arguments): Effect[] {
    const pairs = (given.assign ?? '')
      .split(',')
      .filter(Boolean)
      .map((text): [string, Uint8Array] => {
        const [id, assignment] = text.split(':')
        return [id!, encodeUtf8(assignment!)]
      })
    const input = {
      memberId: given.id ?? '',
      groupInstanceId: given.instance ?? null,
      generation: Number(given.generation),
      protocolType: null,
      protocolName: null,
      assignments: new Map(pairs),
    }
    return this.#group.sync(input, this.#token(label), this.#nowMs)
  }

  #token(label: string): number {
    return this.#labels.push(label) - 1
  }

  #show(effects: readonly Effect[]): string[] {
    return effects.map((effect) => {
      if (effect.type === 'persist') {
        this.#snapshot = effect.snapshot
        return 'persist'
      }
      if (this.#answered.has(effect.token))
        throw new Error(`${this.#labels[effect.token]} is answered twice`)
      this.#answered.add(effect.token)
      const text = effect.type === 'join-reply' ? showJoin(effect.reply) : showSync(effect.reply)
      return `${this.#labels[effect.token]} ← ${text}`
    })
  }
}

function showJoin({
  error,
  memberId,
  generation,
  leader,
  protocolName,
  skipAssignment,
  members,
}: JoinReply): string {
  if (error !== 'NONE') return `${error}${error === 'MEMBER_ID_REQUIRED' ? ` id=${memberId}` : ''}`
  const list = members.map(
    (member) =>
      `${member.memberId}${member.groupInstanceId ? `(${member.groupInstanceId})` : ''}:${showMetadata(member.metadata)}`,
  )
  const skips = skipAssignment ? ' skip-assignment' : ''
  return `joined id=${memberId} generation=${generation} leader=${leader} protocol=${protocolName}${skips} members=[${list.join(' ')}]`
}

function encodeMetadata(text: string): Uint8Array {
  if (!text.startsWith('~')) return encodeUtf8(text)
  const [names, generation] = text.slice(1).split('@')
  const topics = names!.split('+')
  const owned = Number(generation) < 0 ? [] : topics
  const writer = new ByteWriter()
  writer.writeInt16(consumerProtocolSubscription.maxVersion)
  const subscription = createConsumerProtocolSubscription({
    topics,
    ownedPartitions: owned.map((topic) => ({ topic, partitions: [0] })),
    generationId: Number(generation),
  })
  consumerProtocolSubscription.encode(writer, subscription, consumerProtocolSubscription.maxVersion)
  return writer.finish().slice()
}

function showMetadata(bytes: Uint8Array): string {
  if (bytes[0] !== 0) return decodeUtf8(bytes)
  const reader = new ByteReader(bytes)
  const { topics, generationId } = consumerProtocolSubscription.decode(reader, reader.readInt16())
  return `~${topics.join('+')}@${generationId}`
}

function showSync({ error, assignment }: SyncReply): string {
  return error === 'NONE' ? `assigned ${decodeUtf8(assignment) || 'nothing'}` : error
}

testTranscripts(folder, (text) => {
  const settings = [...text.matchAll(/^# (\w+)=(\d+)$/gm)]
  return new Scenario(Object.fromEntries(settings.map(([, name, value]) => [name!, value!])))
})
