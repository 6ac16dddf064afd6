/** Compares what was promised with what a broker that has just started serves. */

import type { BrokerClient, Place, StoredRecord } from './broker-client.ts'
import {
  isPromised,
  type Promises,
  placeName,
  type SentBatch,
  type TopicState,
} from './promises.ts'
import type { SeededRandom } from './random.ts'

/** `log`: all is kept; `short`: the oldest may go; `compacted`: all but the last record of a key may go. */
export type TopicRole = 'log' | 'short' | 'compacted'

interface Stored {
  readonly place: Place
  readonly role: TopicRole
  readonly start: bigint
  /** The offset after the last record or batch. */
  readonly end: bigint
  readonly records: readonly StoredRecord[]
}

export class Checker {
  readonly #client: BrokerClient
  readonly #promises: Promises
  readonly #random: SeededRandom
  readonly #onProblem: (problem: string) => void

  constructor(
    client: BrokerClient,
    promises: Promises,
    random: SeededRandom,
    onProblem: (problem: string) => void,
  ) {
    this.#client = client
    this.#promises = promises
    this.#random = random
    this.#onProblem = onProblem
  }

  /** Reads everything. Topics whose state was unknown become what is found. False when the broker died meanwhile. */
  async check(roles: ReadonlyMap<string, TopicRole>): Promise<boolean> {
    for (const [topic, role] of roles) {
      const state = await this.#checkTopic(topic)
      if (!state) return false
      for (let partition = 0; partition < state.partitions; partition++) {
        const stored = await this.#readAll({ topic, partition }, role)
        if (!stored) return false
        this.#checkStored(stored)
        await this.#checkLookups(stored)
        await this.#checkCommitted(stored)
      }
    }
    return true
  }

  /** Undefined when the broker died. */
  async #checkTopic(name: string): Promise<{ partitions: number } | undefined> {
    const promised = this.#promises.topics.get(name) ?? { type: 'gone' }
    const found = await this.#client.describeTopic(name)
    if (!found) return undefined
    const reality: TopicState =
      found.id === undefined
        ? { type: 'gone' }
        : { type: 'live', id: found.id, partitions: found.partitions }
    if (!isPossible(promised, reality))
      this.#onProblem(`topic ${name} should be ${tell(promised)} and is ${tell(reality)}`)
    if (reality.type === 'gone') this.#promises.forget(name)
    for (const [partition, epoch] of found.leaderEpochs.entries())
      this.#checkEpoch(`${name} ${found.id} ${partition}`, epoch)
    this.#promises.topics.set(name, reality)
    return reality.type === 'live' ? reality : { partitions: 0 }
  }

  #checkEpoch(partition: string, epoch: number): void {
    const { leaderEpochs } = this.#promises
    const before = leaderEpochs.get(partition) ?? 0
    if (epoch < before)
      this.#onProblem(`the leader epoch of ${partition} fell from ${before} to ${epoch}`)
    leaderEpochs.set(partition, epoch)
  }

  async #readAll(place: Place, role: TopicRole): Promise<Stored | undefined> {
    const start = await this.#client.offsetAt(place, -2n)
    const latest = await this.#client.offsetAt(place, -1n)
    if (start === undefined || latest === undefined) return undefined
    const records: StoredRecord[] = []
    let end = start
    /** Where a fetch was answered without records, though with batches. */
    let emptyAt: bigint | undefined
    for (;;) {
      const fetched = await this.#client.fetch(place, end)
      if (!fetched) return undefined
      if (fetched.error !== 'NONE')
        this.#onProblem(`${placeName(place)} cannot be read at ${end}: ${fetched.error}`)
      if (fetched.nextOffset === end) break
      if (fetched.records.length === 0) emptyAt ??= end
      else if (emptyAt !== undefined)
        this.#onProblem(
          `a fetch at ${emptyAt} of ${placeName(place)} got empty batches alone, with records behind them`,
        )
      records.push(...fetched.records)
      end = fetched.nextOffset
    }
    // Compaction may have taken what stood at the end.
    if (role === 'compacted' ? end > latest : end !== latest)
      this.#onProblem(
        `${placeName(place)} can be read up to ${end}, but is said to end at ${latest}`,
      )
    return { place, role, start, end: latest, records }
  }

  #checkStored(stored: Stored): void {
    const { place, role, start, records } = stored
    const name = placeName(place)
    this.#checkGenuine(stored)
    if (role === 'log' && start !== 0n) this.#onProblem(`${name} begins at ${start}`)
    if (role === 'compacted') this.#checkCompacted(stored)
    else {
      records.forEach(({ offset }, index) => {
        const due = start + BigInt(index)
        if (offset !== due) this.#onProblem(`offset ${offset} where ${due} was due in ${name}`)
      })
      for (const batch of this.#promises.of(place)) this.#checkBatch(batch, stored)
    }
    for (const [offset, id] of this.#promises.seen.get(name) ?? [])
      this.#checkSeen(offset, id, stored)
    // Ids grow with time, so a producer's records stand in the order of its sends.
    const last = new Map<number, number>()
    const producerOf = this.#producersByRecord(place)
    for (const { timestampMs: id } of records) {
      const producer = producerOf.get(id) ?? -1
      if ((last.get(producer) ?? 0) >= id)
        this.#onProblem(`${id} stands after ${last.get(producer)} in ${name}`)
      last.set(producer, id)
    }
  }

  #producersByRecord(place: Place): Map<number, number> {
    const producers = new Map<number, number>()
    for (const { producer, records } of this.#promises.of(place))
      for (const { id } of records) producers.set(id, producer)
    return producers
  }

  #checkGenuine({ place, records }: Stored): void {
    const sent = this.#producersByRecord(place)
    for (const { offset, timestampMs: id, key, value } of records) {
      const original = this.#promises.recordsById.get(id)
      if (!original || !sent.has(id))
        this.#onProblem(`nobody sent the record ${id} at ${offset} of ${placeName(place)}`)
      else if (original.key !== key || original.value !== value)
        this.#onProblem(`the record ${id} at ${offset} of ${placeName(place)} has changed`)
    }
  }

  #checkBatch(batch: SentBatch, { place, start, records }: Stored): void {
    const places = batch.records.map(({ id }) =>
      records.findIndex(({ timestampMs }) => timestampMs === id),
    )
    const what = `${describeBatch(batch)} in ${placeName(place)}`
    const first = places.findIndex((index) => index >= 0)
    if (isPromised(batch)) {
      batch.records.forEach(({ id }, index) => {
        const offset = batch.baseOffset! + BigInt(index)
        if (offset < start) return
        const found = records[Number(offset - start)]?.timestampMs
        if (found !== id) this.#onProblem(`lost: ${what}: at ${offset} is ${found ?? 'nothing'}`)
      })
    }
    // What is missing of a batch that is there went with the oldest records.
    const isCut = first > 0 && records[places[first]!]!.offset === start
    if (first >= 0 && places.some((index, i) => index < 0 && !(isCut && i < first)))
      this.#onProblem(`half there: ${what}`)
  }

  #checkSeen(offset: bigint, id: number, { place, role, start, end, records }: Stored): void {
    if (offset < start) return
    const found = records.find((record) => record.offset === offset)?.timestampMs
    const isCompactedAway = role === 'compacted' && found === undefined && offset < end
    if (found !== id && !isCompactedAway)
      this.#onProblem(
        `a consumer saw ${id} at ${offset} of ${placeName(place)}, where now is ${found ?? 'nothing'}`,
      )
  }

  #checkCompacted({ place, records }: Stored): void {
    const name = placeName(place)
    let last = -1n
    const lastIds = new Map<string | null, number>()
    for (const { offset, key, timestampMs: id } of records) {
      if (offset <= last) this.#onProblem(`offset ${offset} after ${last} in ${name}`)
      last = offset
      lastIds.set(key, id)
    }
    const stored = new Set(records.map(({ timestampMs }) => timestampMs))
    for (const id of this.#promised(place)) {
      const record = this.#promises.recordsById.get(id)
      const overtakenBy = record?.key == null ? undefined : lastIds.get(record.key)
      const isRemoved = overtakenBy === undefined && this.#isGone(place, id)
      if (!stored.has(id) && !isRemoved && (overtakenBy ?? 0) < id)
        this.#onProblem(
          `lost: ${id} of key ${record?.key} in ${name} was promised; the last of its key is ${overtakenBy ?? 'none'}`,
        )
    }
  }

  /** Whether it, or what overtook it, may be a tombstone whose time is over. */
  #isGone(place: Place, id: number): boolean {
    const key = this.#promises.recordsById.get(id)?.key ?? null
    if (key === null) return false
    return this.#promises
      .of(place)
      .some(({ records }) =>
        records.some((record) => record.id >= id && record.key === key && record.value === null),
      )
  }

  /** What was acknowledged or seen. */
  #promised(place: Place): number[] {
    const ids = [...(this.#promises.seen.get(placeName(place))?.values() ?? [])]
    for (const batch of this.#promises.of(place))
      if (isPromised(batch)) ids.push(...batch.records.map(({ id }) => id))
    return ids
  }

  /** The indexes, made anew or trusted, lead to what is there. */
  async #checkLookups({ place, start, records }: Stored): Promise<void> {
    if (records.length === 0) return
    for (let i = 0; i < 2; i++) {
      const { offset, timestampMs: id } = records[this.#random.below(records.length)]!
      const fetched = await this.#client.fetch(place, offset)
      const first = fetched?.records[0]
      if (fetched && first?.offset !== offset)
        this.#onProblem(`a fetch at ${offset} of ${placeName(place)} began at ${first?.offset}`)
      const due = records.find(({ timestampMs }) => timestampMs >= id)!.offset
      const found = await this.#client.offsetAt(place, BigInt(id))
      if (found !== undefined && found !== due)
        this.#onProblem(
          `the time ${id} in ${placeName(place)} (from ${start}) is at ${due}, but ${found} was found`,
        )
    }
  }

  async #checkCommitted({ place, end }: Stored): Promise<void> {
    const name = placeName(place)
    const { acknowledged, asked } = this.#promises.committed.get(name) ?? {
      acknowledged: -1n,
      asked: -1n,
    }
    const found = await this.#client.committed(place)
    if (found === undefined) return
    if (found < acknowledged || found > asked)
      this.#onProblem(
        `the committed offset of ${name} is ${found}; ${acknowledged} was acknowledged and ${asked} the last asked for`,
      )
    if (found > end) this.#onProblem(`${found} is committed for ${name}, which ends at ${end}`)
  }
}

function isPossible(promised: TopicState, reality: TopicState): boolean {
  if (promised.type === 'gone') return reality.type === 'gone'
  if (promised.type === 'live')
    return (
      reality.type === 'live' &&
      reality.id === promised.id &&
      reality.partitions === promised.partitions
    )
  const { before, attempt } = promised
  if (isPossible(before, reality)) return true
  if (attempt === 'create') return reality.type === 'live'
  if (attempt === 'delete') return reality.type === 'gone'
  return (
    reality.type === 'live' &&
    before.type === 'live' &&
    reality.id === before.id &&
    reality.partitions === before.partitions + 1
  )
}

function tell(state: TopicState): string {
  if (state.type === 'live') return `there with ${state.partitions} partitions (${state.id})`
  return state.type === 'gone' ? 'gone' : `${tell(state.before)}, or not (${state.attempt})`
}

export function describeBatch({ producer, acks, records, baseOffset }: SentBatch): string {
  const ids = `${records[0]!.id}, ${records.length} records`
  const outcome = baseOffset === undefined ? 'no answer' : `acknowledged at ${baseOffset}`
  return `batch ${ids}, of producer ${producer}, acks ${acks}, ${outcome}`
}
