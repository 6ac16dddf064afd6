/**
 * What a group without a session has done, as it is kept: for each partition the next offset that was never handed out, and
 * the records before it that are not done, each with the lease that has it. Pure: time comes from outside.
 *
 *        done            open: leased, or free to be handed out again      never handed out
 *   ─────────────┬───────────────────────────────────────────────────────┬────────────────▶
 *             position                                                  next
 */
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'

export interface OpenRecord {
  readonly offset: bigint
  /** How often it was handed out. */
  readonly deliveries: number
  /** Undefined: nobody has it. */
  readonly lease: string | undefined
}

export interface PartitionState {
  next: bigint
  /** By offset. */
  open: OpenRecord[]
}

export interface Lease {
  readonly pullId: string
  /** Epoch milliseconds. */
  readonly until: number
  /** Where records go that are rejected; undefined: nowhere. */
  readonly deadLetter: string | undefined
}

/** Leases that are over, so that what is asked twice is told so. */
interface Done {
  readonly lease: string
  readonly at: number
}

interface Written {
  readonly partitions: {
    readonly [topic: string]: {
      readonly [partition: string]: {
        readonly next: string
        readonly open: readonly [string, number, string | null][]
      }
    }
  }
  readonly leases: { readonly [id: string]: Lease }
  readonly done: readonly Done[]
}

const doneMax = 200
const doneMs = 3_600_000

export class GroupState {
  readonly #partitions = new Map<string, Map<number, PartitionState>>()
  readonly #leases = new Map<string, Lease>()
  #done: Done[] = []

  static read(bytes: Uint8Array | undefined): GroupState {
    const state = new GroupState()
    if (!bytes) return state
    const written = JSON.parse(decodeUtf8(bytes)) as Written
    for (const [topic, partitions] of Object.entries(written.partitions)) {
      for (const [partition, { next, open }] of Object.entries(partitions)) {
        state.set(topic, Number(partition), {
          next: BigInt(next),
          open: open.map(([offset, deliveries, lease]) => ({
            offset: BigInt(offset),
            deliveries,
            lease: lease ?? undefined,
          })),
        })
      }
    }
    for (const [id, lease] of Object.entries(written.leases)) state.#leases.set(id, lease)
    state.#done = [...written.done]
    return state
  }

  write(): Uint8Array {
    const partitions: { [topic: string]: { [partition: string]: unknown } } = {}
    for (const [topic, ofTopic] of this.#partitions) {
      partitions[topic] = Object.fromEntries(
        [...ofTopic].map(([partition, { next, open }]) => [
          partition,
          {
            next: String(next),
            open: open.map(({ offset, deliveries, lease }) => [
              String(offset),
              deliveries,
              lease ?? null,
            ]),
          },
        ]),
      )
    }
    const leases = Object.fromEntries(this.#leases)
    return encodeUtf8(JSON.stringify({ partitions, leases, done: this.#done }))
  }

  get(topic: string, partition: number): PartitionState | undefined {
    return this.#partitions.get(topic)?.get(partition)
  }

  set(topic: string, partition: number, state: PartitionState): void {
    let ofTopic = this.#partitions.get(topic)
    if (!ofTopic) {
      ofTopic = new Map()
      this.#partitions.set(topic, ofTopic)
    }
    ofTopic.set(partition, state)
  }

  *all(): Generator<readonly [topic: string, partition: number, state: PartitionState]> {
    for (const [topic, ofTopic] of this.#partitions)
      for (const [partition, state] of ofTopic) yield [topic, partition, state]
  }

  /** All before it is done. */
  static position({ next, open }: PartitionState): bigint {
    return open[0]?.offset ?? next
  }

  /** Records that are not done. */
  get openCount(): number {
    let count = 0
    for (const [, , { open }] of this.all()) count += open.length
    return count
  }

  /** A lease that runs. */
  lease(id: string): Lease | undefined {
    return this.#leases.get(id)
  }

  /** All that run. */
  leases(): (Lease & { readonly id: string })[] {
    return [...this.#leases].map(([id, lease]) => ({ id, ...lease }))
  }

  leaseOfPull(pullId: string): string | undefined {
    for (const [id, lease] of this.#leases) if (lease.pullId === pullId) return id
    return undefined
  }

  isDone(id: string): boolean {
    return this.#done.some(({ lease }) => lease === id)
  }

  /** When the next lease runs out, epoch milliseconds. */
  get nextExpiry(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { until } of this.#leases.values()) next = Math.min(next, until)
    return next
  }

  /** Gives back what leases that have run out had. True: something was given back. */
  expire(now: number): boolean {
    const over = new Set<string>()
    for (const [id, { until }] of this.#leases) if (until <= now) over.add(id)
    if (over.size === 0) return false
    this.#release(({ lease }) => lease !== undefined && over.has(lease))
    for (const id of over) this.#leases.delete(id)
    return true
  }

  begin(id: string, lease: Lease): void {
    this.#leases.set(id, lease)
  }

  renew(id: string, until: number): void {
    const lease = this.#leases.get(id)
    if (lease) this.#leases.set(id, { ...lease, until })
  }

  /** What a lease has, by topic and partition. */
  *held(id: string): Generator<readonly [topic: string, partition: number, record: OpenRecord]> {
    for (const [topic, partition, { open }] of this.all())
      for (const record of open) if (record.lease === id) yield [topic, partition, record]
  }

  /** Of a lease: those that `matches` says are done. */
  accept(id: string, matches: Matches): number {
    let count = 0
    for (const [topic, partition, state] of this.all()) {
      const left = state.open.filter(
        ({ lease, offset }) => lease !== id || !matches(topic, partition, offset),
      )
      count += state.open.length - left.length
      state.open = left
    }
    return count
  }

  /** Of a lease: those that `matches` says may be handed out again, at once. */
  release(id: string, matches: Matches): number {
    return this.#release(
      ({ lease, offset }, topic, partition) => lease === id && matches(topic, partition, offset),
    )
  }

  /** Ends a lease that has nothing any more. */
  endIfEmpty(id: string, now: number): void {
    for (const _ of this.held(id)) return
    if (!this.#leases.delete(id)) return
    this.#done = [
      ...this.#done.filter(({ at }) => now - at < doneMs),
      { lease: id, at: now },
    ].slice(-doneMax)
  }

  /** Forgets what was read of a topic: its offsets were moved. */
  forget(topic: string): void {
    this.#partitions.delete(topic)
    for (const id of [...this.#leases.keys()]) {
      if (this.held(id).next().done) this.#leases.delete(id)
    }
  }

  #release(matches: (record: OpenRecord, topic: string, partition: number) => boolean): number {
    let count = 0
    for (const [topic, partition, state] of this.all()) {
      state.open = state.open.map((record) => {
        if (record.lease === undefined || !matches(record, topic, partition)) return record
        count++
        return { ...record, lease: undefined }
      })
    }
    return count
  }
}

export type Matches = (topic: string, partition: number, offset: bigint) => boolean
