/**
 * Groups without a session: records are handed out under a lease, and done when that is told. All state is in the log, so
 * any replica answers; a pull that is asked again gives the same records again, so an answer that is lost loses nothing.
 */
import { type Access, type Operation, systemTopicPrefix } from '../../backend/access.ts'
import type { Session } from '../../backend/session.ts'
import type { Cluster } from '../../client/cluster.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { lookUpOffsets } from '../../client/consumer/offset-lookup.ts'
import { backoffDelay } from '../../core/backoff.ts'
import { KafkaError, OffsetOutOfRangeError } from '../../core/errors.ts'
import { HttpError, serviceClosing } from '../problem.ts'
import type { ReadRecord } from '../records/record-json.ts'
import { RecordReader } from '../records/record-reader.ts'
import type { Services } from '../services.ts'
import type { StateLog, StateTurn } from '../state-log.ts'
import { asDeadLetter } from './dead-letter.ts'
import { type Committed, commitOffsets, committedOf } from './group-offsets.ts'
import { GroupState, type Matches, type PartitionState } from './group-state.ts'

export interface PullRequest {
  readonly session: Session
  readonly group: string
  readonly topics: readonly string[]
  readonly pullId: string
  readonly max: number
  readonly waitMs: number
  readonly leaseMs: number
  /** Where a group without offsets begins. */
  readonly from: Offset
  readonly deadLetter: { readonly topic: string; readonly after: number } | undefined
  readonly signal: AbortSignal
}

export interface Pulled {
  /** Undefined: there are no records. */
  readonly lease: string | undefined
  readonly until: number
  readonly records: readonly (ReadRecord & { readonly deliveries: number })[]
}

export interface AckRequest {
  readonly session: Session
  readonly group: string
  readonly lease: string
  readonly accept: Matches | undefined
  readonly release: Matches | undefined
  readonly reject: Matches | undefined
  /** Milliseconds from now. */
  readonly renewMs: number | undefined
}

export interface Acked {
  readonly accepted: number
  readonly released: number
  readonly rejected: number
  /** Still leased. */
  readonly left: number
  readonly until: number | undefined
}

export const groupPrefix = 'group/'
/** Records of a group that are handed out and not done. */
const openMax = 10_000
/** The longest wait before what others may have done is looked at again, milliseconds. */
const lookMs = 5000

/** A lease that runs, as whoever does not have it may see it. */
export interface OpenLease {
  /** Epoch milliseconds. */
  readonly until: number
  /** How many it still has. */
  readonly records: number
}

interface HandedOut {
  readonly pulled: Pulled
  readonly next: ReadonlyMap<string, ReadonlyMap<number, bigint>>
  readonly nextExpiry: number
  /** Partitions that are new to the group, and where it begins in them. */
  readonly begun: readonly Committed[]
}

type Places = ReadonlyMap<string, readonly number[]>

export class GroupPulls {
  readonly #services: Services
  readonly #state: StateLog

  constructor(services: Services, state: StateLog) {
    this.#services = services
    this.#state = state
  }

  async pull(request: PullRequest): Promise<Pulled> {
    const { session, group, topics, waitMs, deadLetter, signal } = request
    const { demand, callers, runtime } = this.#services
    await demand(session, onGroup(group), ...topics.map((topic) => onTopic('read', topic)))
    if (deadLetter) {
      await demand(session, onTopic('write', deadLetter.topic))
      checkDeadLetter(deadLetter.topic, topics)
    }
    const deadline = runtime.monotonicNow() + waitMs
    return callers.with(session, async ({ cluster }) => {
      const found = await cluster.ensureTopics(topics, { create: false })
      const places: Places = new Map(
        [...found.values()].map(({ name, partitions }) => [
          name,
          partitions.map(({ index }) => index),
        ]),
      )
      for (let tries = 1; ; tries++) {
        const outcome = await this.#state.run(groupPrefix + group, (turn) =>
          this.#handOut(turn, request, cluster, places),
        )
        // Where it begins is told at once: a group is to be seen, in lists as well, before it has done anything.
        if (outcome.begun.length > 0) await this.#tell(cluster, group, outcome.begun)
        const leftMs = deadline - runtime.monotonicNow()
        if (outcome.pulled.lease !== undefined || leftMs <= 0 || signal.aborted)
          return outcome.pulled
        const expiresInMs = Math.max(1, outcome.nextExpiry - runtime.now())
        const floorMs = tries > 3 ? backoffDelay(tries, { baseMs: 1, maxMs: 100 }, runtime) : 1
        const pauseMs = Math.max(floorMs, Math.min(leftMs, expiresInMs, lookMs))
        await this.#news(cluster, outcome.next, pauseMs, signal)
      }
    })
  }

  async ack(request: AckRequest): Promise<Acked> {
    const { session, group, lease: id } = request
    const { demand, callers, runtime } = this.#services
    await demand(session, onGroup(group))
    return callers.with(session, async ({ cluster }) => {
      const { acked, positions } = await this.#state.run(groupPrefix + group, async (turn) => {
        const key = groupPrefix + group
        const state = GroupState.read(turn.get(key))
        const now = runtime.now()
        if (state.isDone(id)) return { acked: nothingLeft, positions: [] }
        state.expire(now)
        const lease = state.lease(id)
        if (!lease) throw leaseIsOver(group)
        const accepted = request.accept ? state.accept(id, request.accept) : 0
        const released = request.release ? state.release(id, request.release) : 0
        let rejected = 0
        if (request.reject) {
          const refused = await this.#held(cluster, state, id, request.reject)
          if (lease.deadLetter !== undefined && refused.length > 0) {
            await demand(session, onTopic('write', lease.deadLetter))
            await turn.send(
              lease.deadLetter,
              refused.map((record) => asDeadLetter(record, group, 'rejected', now)),
            )
          }
          rejected = state.accept(id, request.reject)
        }
        if (request.renewMs !== undefined) state.renew(id, now + request.renewMs)
        state.endIfEmpty(id, now)
        turn.put(key, state.write())
        const left = [...state.held(id)].length
        const until = state.lease(id)?.until
        return {
          acked: { accepted, released, rejected, left, until },
          positions: positionsOf(state),
        }
      })
      if (acked.accepted + acked.rejected > 0) await this.#tell(cluster, group, positions)
      return acked
    })
  }

  /** Its offsets were moved: what was handed out of the topic counts no more. */
  async forget(group: string, topic: string): Promise<void> {
    const key = groupPrefix + group
    await this.#whereTrusted(key, async (turn) => {
      const written = turn.get(key)
      if (!written) return
      const state = GroupState.read(written)
      state.forget(topic)
      turn.put(key, state.write())
    })
  }

  /** What is handed out and not done. None for a group that is not known here. */
  async leases(group: string): Promise<readonly OpenLease[]> {
    const key = groupPrefix + group
    let found: readonly OpenLease[] = []
    await this.#whereTrusted(key, async (turn) => {
      const state = GroupState.read(turn.get(key))
      state.expire(this.#services.runtime.now())
      found = state
        .leases()
        .map(({ id, until }) => ({ until, records: [...state.held(id)].length }))
    })
    return found
  }

  /** The group was deleted. Whether anything was known of it. */
  async delete(group: string): Promise<boolean> {
    const key = groupPrefix + group
    let isKnown = false
    await this.#whereTrusted(key, async (turn) => {
      isKnown = turn.get(key) !== undefined
      if (isKnown) turn.put(key, null)
    })
    return isKnown
  }

  /** A gateway that may keep nothing has nothing to forget; what it was asked for, it has done. */
  async #whereTrusted(key: string, work: (turn: StateTurn) => Promise<void>): Promise<void> {
    try {
      await this.#state.run(key, work)
    } catch (error) {
      if (!(error instanceof KafkaError && error.code === 'GATEWAY_NOT_TRUSTED')) throw error
    }
  }

  async #handOut(
    turn: StateTurn,
    request: PullRequest,
    cluster: Cluster,
    places: Places,
  ): Promise<HandedOut> {
    const { group, pullId, max, leaseMs, deadLetter } = request
    const { runtime, config } = this.#services
    const key = groupPrefix + group
    const state = GroupState.read(turn.get(key))
    const now = runtime.now()
    let isChanged = state.expire(now)
    const before = state.leaseOfPull(pullId)
    if (before !== undefined) {
      const records = await this.#held(cluster, state, before, () => true)
      const until = state.lease(before)!.until
      const pulled = { lease: before, until, records }
      return { pulled, next: new Map(), nextExpiry: until, begun: [] }
    }
    const begun = await this.#begin(state, request, cluster, places)
    if (begun.length > 0) isChanged = true
    if (state.openCount + max > openMax) {
      throw new HttpError(
        409,
        `Group '${group}' has ${state.openCount} records handed out that are not done, and at most ${openMax} may be; ack them`,
        {
          code: 'TOO_MANY_OPEN_RECORDS',
          retriable: true,
        },
      )
    }
    const lease = runtime.uuid()
    const records: (ReadRecord & { deliveries: number })[] = []
    const dead: { record: ReadRecord; why: string }[] = []
    let bytes = 0
    for (const [topic, partitions] of places) {
      if (records.length >= max || bytes >= config.maxReadBytes) break
      const take = (record: ReadRecord, deliveries: number): string | undefined => {
        if (deadLetter && deliveries > deadLetter.after) {
          dead.push({ record, why: `handed out ${deliveries - 1} times` })
          return 'done'
        }
        records.push({ ...record, deliveries })
        bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
        return lease
      }
      const room = max - records.length
      if (await this.#take(cluster, state, { topic, partitions, room, take })) isChanged = true
    }
    if (dead.length > 0) {
      await turn.send(
        deadLetter!.topic,
        dead.map(({ record, why }) => asDeadLetter(record, group, why, now)),
      )
    }
    const until = now + leaseMs
    if (records.length > 0) state.begin(lease, { pullId, until, deadLetter: deadLetter?.topic })
    if (isChanged || records.length > 0 || dead.length > 0) turn.put(key, state.write())
    const next = new Map(
      [...places].map(([topic, partitions]) => [topic, nextOf(state, topic, partitions)]),
    )
    const pulled = { lease: records.length > 0 ? lease : undefined, until, records }
    return { pulled, next, nextExpiry: state.nextExpiry, begun }
  }

  /** Gives partitions that are new to the group their place, and says which. */
  async #begin(
    state: GroupState,
    { group, from }: PullRequest,
    cluster: Cluster,
    places: Places,
  ): Promise<readonly Committed[]> {
    const fresh = [...places].flatMap(([topic, partitions]) =>
      partitions.filter((one) => !state.get(topic, one)).map((partition) => ({ topic, partition })),
    )
    if (fresh.length === 0) return []
    const committed = await committedOf(cluster, group)
    const found = await lookUpOffsets(cluster, fresh, from, {
      ...{ isolation: 'read_committed', create: false },
    })
    return fresh.map(({ topic, partition }, i) => {
      const known = committed.find((one) => one.topic === topic && one.partition === partition)
      const offset = known?.offset ?? found[i]!
      state.set(topic, partition, { next: offset, open: [] })
      return { topic, partition, offset }
    })
  }

  /** Those first that were handed out before. True: the state has changed. */
  async #take(
    cluster: Cluster,
    state: GroupState,
    {
      topic,
      partitions,
      room,
      take,
    }: {
      readonly topic: string
      readonly partitions: readonly number[]
      readonly room: number
      readonly take: (record: ReadRecord, deliveries: number) => string | undefined
    },
  ): Promise<boolean> {
    const states = new Map(partitions.map((one) => [one, state.get(topic, one)!]))
    const places = new Map<number, bigint>()
    for (const [partition, one] of states) places.set(partition, firstFree(one))
    const { records, next } = await this.#readFrom(cluster, topic, states, places, room)
    let isChanged = false
    for (const record of records) {
      const one = states.get(record.partition)!
      const at = one.open.findIndex(({ offset }) => offset === record.offset)
      const deliveries = (one.open[at]?.deliveries ?? 0) + 1
      const lease = take(record, deliveries)
      isChanged = true
      if (lease === 'done') {
        if (at >= 0) one.open.splice(at, 1)
      } else if (at >= 0) one.open[at] = { offset: record.offset, deliveries, lease }
      else one.open.push({ offset: record.offset, deliveries, lease })
      if (record.offset >= one.next) one.next = record.offset + 1n
    }
    for (const [partition, one] of states) {
      const reached = next.get(partition)!
      // Records that were free and are not there any more: retention or compaction took them.
      const left = one.open.filter(
        ({ offset, lease }) =>
          lease !== undefined || offset >= reached || offset < places.get(partition)!,
      )
      if (left.length !== one.open.length) {
        one.open = left
        isChanged = true
      }
      if (reached > one.next) {
        one.next = reached
        isChanged = true
      }
    }
    return isChanged
  }

  async #readFrom(
    cluster: Cluster,
    topic: string,
    states: ReadonlyMap<number, PartitionState>,
    places: Map<number, bigint>,
    room: number,
  ): Promise<{ records: readonly ReadRecord[]; next: ReadonlyMap<number, bigint> }> {
    const wants = ({ partition, offset }: ReadRecord) => {
      const one = states.get(partition)!
      return (
        offset >= one.next ||
        one.open.some((open) => open.offset === offset && open.lease === undefined)
      )
    }
    const limits = { maxRecords: room, maxBytes: this.#services.config.maxReadBytes, waitMs: 0 }
    const reader = new RecordReader(cluster, topic)
    try {
      return await reader.read(places, { ...limits, signal: cluster.closed, wants })
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error
      // Retention was faster than the group.
      const partitions = [...places.keys()]
      const begins = await lookUpOffsets(
        cluster,
        partitions.map((partition) => ({ topic, partition })),
        Offset.earliest,
        { isolation: 'read_committed', create: false },
      )
      partitions.forEach((partition, i) => {
        const one = states.get(partition)!
        const begin = begins[i]!
        if (places.get(partition)! >= begin) return
        places.set(partition, begin)
        one.open = one.open.filter(({ offset, lease }) => offset >= begin || lease !== undefined)
        if (one.next < begin) one.next = begin
      })
      return await reader.read(places, { ...limits, signal: cluster.closed, wants })
    } finally {
      reader.release()
    }
  }

  /** The records of a lease, as far as they are still there. */
  async #held(
    cluster: Cluster,
    state: GroupState,
    id: string,
    matches: Matches,
  ): Promise<(ReadRecord & { deliveries: number })[]> {
    const byTopic = new Map<string, Map<number, Map<bigint, number>>>()
    for (const [topic, partition, { offset, deliveries }] of state.held(id)) {
      if (!matches(topic, partition, offset)) continue
      const ofTopic = byTopic.get(topic) ?? new Map<number, Map<bigint, number>>()
      byTopic.set(topic, ofTopic)
      const offsets = ofTopic.get(partition) ?? new Map<bigint, number>()
      ofTopic.set(partition, offsets)
      offsets.set(offset, deliveries)
    }
    const found: (ReadRecord & { deliveries: number })[] = []
    for (const [topic, ofTopic] of byTopic) {
      const reader = new RecordReader(cluster, topic)
      try {
        for (const [partition, offsets] of ofTopic)
          found.push(...(await this.#heldOf(reader, partition, offsets)))
      } finally {
        reader.release()
      }
    }
    return found
  }

  async #heldOf(
    reader: RecordReader,
    partition: number,
    offsets: ReadonlyMap<bigint, number>,
  ): Promise<(ReadRecord & { deliveries: number })[]> {
    const found: (ReadRecord & { deliveries: number })[] = []
    const all = [...offsets.keys()]
    let at = all.reduce((a, b) => (a < b ? a : b))
    const last = all.reduce((a, b) => (a > b ? a : b))
    while (at <= last) {
      const { records, next } = await reader
        .read(new Map([[partition, at]]), {
          ...{
            maxRecords: all.length - found.length,
            maxBytes: Number.POSITIVE_INFINITY,
            waitMs: 0,
          },
          signal: this.#services.closed,
          wants: ({ offset }) => offsets.has(offset),
        })
        .catch((error: unknown) => {
          if (error instanceof OffsetOutOfRangeError)
            return { records: [], next: new Map<number, bigint>() }
          throw error
        })
      for (const record of records)
        found.push({ ...record, deliveries: offsets.get(record.offset)! })
      const reached = next.get(partition) ?? last + 1n
      if (reached <= at || found.length === all.length) break
      at = reached
    }
    return found
  }

  /** Waits until there may be something to hand out. */
  async #news(
    cluster: Cluster,
    next: ReadonlyMap<string, ReadonlyMap<number, bigint>>,
    pauseMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const enough = new AbortController()
    const either = AbortSignal.any([signal, enough.signal, this.#services.closed])
    const waits = [...next].map(async ([topic, offsets]) => {
      const reader = new RecordReader(cluster, topic)
      try {
        await reader.read(offsets, {
          maxRecords: 1,
          maxBytes: 1,
          waitMs: Math.ceil(pauseMs),
          signal: either,
        })
      } catch (error) {
        if (!either.aborted && !(error instanceof OffsetOutOfRangeError)) throw error
      } finally {
        reader.release()
      }
    })
    try {
      await Promise.race(waits)
    } finally {
      enough.abort()
      await Promise.allSettled(waits)
    }
    if (this.#services.closed.aborted) throw serviceClosing()
  }

  /** Kafka's own record of how far the group is: for its tools, and for lag. What is true is in the state. */
  async #tell(cluster: Cluster, group: string, positions: readonly Committed[]): Promise<void> {
    await commitOffsets(cluster, group, positions).catch((error: unknown) => {
      this.#services.runtime.logger.warn(
        { err: error, group },
        'the offsets of a group could not be committed; the next ack does',
      )
    })
  }
}

/** Kafka writes them itself, and takes nothing from anybody else. */
const kafkasOwn: ReadonlySet<string> = new Set([
  ...['__consumer_offsets', '__transaction_state', '__share_group_state', '__cluster_metadata'],
])

/** Found out before anything is handed out: later, whoever acks could do nothing about it. Throws `HttpError` 400. */
function checkDeadLetter(name: string, topics: readonly string[]): void {
  const mistake = topics.includes(name)
    ? 'is pulled itself: what is given up would come again'
    : kafkasOwn.has(name) || name.startsWith(systemTopicPrefix)
      ? 'is kept by Kafka or by this service for itself, and takes no records'
      : undefined
  if (mistake === undefined) return
  throw new HttpError(400, `The body's /deadLetter/topic: '${name}' ${mistake}; name another`, {
    code: 'INVALID_REQUEST',
    more: { pointer: '/deadLetter/topic' },
  })
}

function onGroup(name: string): Access {
  return { operation: 'read', type: 'group', name }
}

function onTopic(operation: Operation, name: string): Access {
  return { operation, type: 'topic', name }
}

const nothingLeft: Acked = { accepted: 0, released: 0, rejected: 0, left: 0, until: undefined }

function firstFree({ next, open }: PartitionState): bigint {
  return open.find(({ lease }) => lease === undefined)?.offset ?? next
}

function nextOf(
  state: GroupState,
  topic: string,
  partitions: readonly number[],
): Map<number, bigint> {
  return new Map(partitions.map((one) => [one, state.get(topic, one)!.next]))
}

function positionsOf(state: GroupState): Committed[] {
  return [...state.all()].map(([topic, partition, one]) => ({
    ...{ topic, partition },
    offset: GroupState.position(one),
  }))
}

function leaseIsOver(group: string): HttpError {
  return new HttpError(
    410,
    `The lease has run out, or group '${group}' never had it: its records are, or will be, handed out again`,
    {
      code: 'LEASE_OVER',
    },
  )
}
