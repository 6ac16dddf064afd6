/**
 * Handles several records at a time. What must stay in order stays: the records of a partition, or those with one key,
 * are a lane, and a lane has one record under way.
 *
 *   source ─ take ─▶ lane free? ──yes──▶ runnable ─▶ under way (≤ concurrency) ─▶ done ─▶ next of its lane
 *                        └──no──▶ waits in its lane
 *
 * Records in hand, waiting or under way, are bounded. Each is settled once: handled, or not (then nothing is committed
 * past it).
 */
import { Fifo } from '../../core/fifo.ts'
import type { ConsumerRecord } from './record.ts'

/** The order kept when several records are handled at a time. */
export type Ordering = 'partition' | 'key' | 'none'

/** Where records come from; several may be in hand. */
export interface HeldSource<V, K> {
  /** A record at once, when there is one. */
  takeHeld(): ConsumerRecord<V, K> | undefined
  /** Resolves true when `takeHeld` may have a record, false at the end. Rejects when the source has failed. */
  ready(): Promise<boolean>
  /** The application is done with a record. */
  settle(record: ConsumerRecord<V, K>, isHandled: boolean): void
  /** Its partition has gone, or goes, to another member: it must not be begun any more. */
  isRevoking(record: ConsumerRecord<V, K>): boolean
  /** Whether its handler failed because its partition has gone to another member. */
  lostToOther(record: ConsumerRecord<V, K>, error: unknown): boolean
  /** Its handler failed, and the consumer stops for it: says so in the log. */
  stopsFor(record: ConsumerRecord<V, K>, error: unknown): void
  /** Ends when the consumer is to stop: nothing more is begun. */
  readonly closing: AbortSignal
  stop(): Promise<void>
}

export interface WorkersOptions<V, K> {
  readonly concurrency: number
  readonly ordering: Ordering
  /** Whether it is handled; if not, it comes again, here or elsewhere. Rejects: the consumer stops with that error. */
  readonly handle: (record: ConsumerRecord<V, K>) => Promise<boolean>
}

/** For each record that may be under way, so many may wait for their lane. */
const waitingPerWorker = 8

export class RecordWorkers<V, K> {
  readonly #source: HeldSource<V, K>
  readonly #options: WorkersOptions<V, K>
  /** Lanes with a record under way or runnable, and what waits behind it. */
  readonly #lanes = new Map<unknown, Fifo<ConsumerRecord<V, K>>>()
  readonly #runnable = new Fifo<ConsumerRecord<V, K>>()
  #underWay = 0
  #inHand = 0
  #failure: { readonly error: unknown } | undefined
  #onProgress: (() => void) | undefined

  constructor(source: HeldSource<V, K>, options: WorkersOptions<V, K>) {
    this.#source = source
    this.#options = options
  }

  /** Resolves at the end of the source; rejects with the first error, once what is under way is finished. */
  async run(): Promise<void> {
    try {
      for (let hasMore = true; hasMore && !this.#failure; ) {
        if (this.#takeWhatFits() === 'full') await this.#progress()
        else hasMore = await this.#moreToTake()
      }
    } catch (error) {
      this.#failure ??= { error }
    }
    this.#giveBackWaiting()
    while (this.#underWay > 0) await this.#progress()
    await this.#source.stop()
    if (this.#failure) throw this.#failure.error
  }

  #takeWhatFits(): 'full' | 'empty' {
    const inHandMax = this.#options.concurrency * (1 + waitingPerWorker)
    while (this.#inHand < inHandMax && !this.#failure) {
      const record = this.#source.takeHeld()
      if (!record) return 'empty'
      this.#inHand++
      this.#line(record)
    }
    return 'full'
  }

  /** Waits for a record, or for a handler that fails; false at the end. */
  async #moreToTake(): Promise<boolean> {
    let answer: boolean | undefined
    const ready = this.#source.ready().then((value) => {
      answer = value
    })
    // Where a failure comes first, nobody asks any more.
    ready.catch(() => undefined)
    while (answer === undefined && !this.#failure) await Promise.race([ready, this.#progress()])
    return answer ?? false
  }

  #line(record: ConsumerRecord<V, K>): void {
    const lane = this.#laneOf(record)
    const waiting = lane === undefined ? undefined : this.#lanes.get(lane)
    if (waiting) {
      waiting.push(record)
      return
    }
    if (lane !== undefined) this.#lanes.set(lane, new Fifo())
    this.#runnable.push(record)
    this.#begin()
  }

  #begin(): void {
    while (this.#underWay < this.#options.concurrency && !this.#failure) {
      const record = this.#runnable.shift()
      if (!record) return
      const isDropped = this.#source.closing.aborted || this.#source.isRevoking(record)
      if (isDropped) this.#settle(record, false)
      else void this.#handle(record)
    }
  }

  async #handle(record: ConsumerRecord<V, K>): Promise<void> {
    this.#underWay++
    let isHandled = false
    try {
      isHandled = await this.#options.handle(record)
    } catch (error) {
      this.#failure ??= { error }
    }
    this.#underWay--
    this.#settle(record, isHandled)
    this.#begin()
    this.#wake()
  }

  #settle(record: ConsumerRecord<V, K>, isHandled: boolean): void {
    this.#inHand--
    this.#source.settle(record, isHandled)
    const lane = this.#laneOf(record)
    if (lane === undefined) return
    const next = this.#lanes.get(lane)!.shift()
    if (next) this.#runnable.push(next)
    else this.#lanes.delete(lane)
  }

  /** What was not begun is not handled. */
  #giveBackWaiting(): void {
    const waiting = [
      ...this.#runnable.drain(),
      ...[...this.#lanes.values()].flatMap((lane) => lane.drain()),
    ]
    for (const record of waiting) {
      this.#inHand--
      this.#source.settle(record, false)
    }
  }

  /** Undefined: a record that waits for no other. */
  #laneOf({ topic, partition, key }: ConsumerRecord<V, K>): unknown {
    const { ordering } = this.#options
    if (ordering === 'none' || (ordering === 'key' && key === null)) return undefined
    if (ordering === 'partition') return `${topic}/${partition}`
    return typeof key === 'string'
      ? `${topic}/${partition}/${key}`
      : `${topic}/${partition}/${nameOf(key)}`
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#onProgress
      this.#onProgress = () => {
        before?.()
        resolve()
      }
    })
  }

  #wake(): void {
    const wake = this.#onProgress
    this.#onProgress = undefined
    wake?.()
  }
}

/** Keys of other types by what they are as JSON, bytes as they are. */
function nameOf(key: unknown): string {
  return key instanceof Uint8Array ? key.join(',') : (JSON.stringify(key) ?? String(key))
}
