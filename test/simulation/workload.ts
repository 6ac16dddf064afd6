/**
 * What the applications do during one life of the broker: several producers, consumers that commit, and an
 * administrator, often at once; all chosen by the seed. Everything that was acknowledged is noted as a promise.
 */

import type { Answer, BrokerClient, Place } from './broker-client.ts'
import { describeBatch, type TopicRole } from './checker.ts'
import { type Promises, placeName, type SentBatch, type TopicState } from './promises.ts'
import type { SeededRandom } from './random.ts'
import type { SimulatedDisk } from './simulated-disk.ts'
import type { SimulatedRuntime } from './simulated-runtime.ts'

interface TopicPlan {
  readonly role: TopicRole
  readonly partitions: number
  readonly settings: { readonly [name: string]: string }
}

const always = { 'segment.bytes': '1500', 'retention.ms': '-1', 'index.interval.bytes': '200' }

const yearMs = 365 * 86_400_000
const fourYears = String(4 * yearMs)
/** By how much a clock that is wrong is. */
export const clockJumpMs = 10 * yearMs

/** `temp` comes and goes. */
const plans: ReadonlyMap<string, TopicPlan> = new Map<string, TopicPlan>([
  ['plain', { role: 'log', partitions: 2, settings: always }],
  ['short', { role: 'short', partitions: 1, settings: { ...always, 'retention.bytes': '4000' } }],
  [
    'compacted',
    {
      role: 'compacted',
      partitions: 1,
      settings: {
        ...always,
        'cleanup.policy': 'compact',
        'min.cleanable.dirty.ratio': '0.01',
        'delete.retention.ms': '1000',
      },
    },
  ],
  // Records have times of years ago: nothing is old enough to go, unless the clock is wrong by years.
  ['timed', { role: 'log', partitions: 1, settings: { ...always, 'retention.ms': fourYears } }],
  ['temp', { role: 'log', partitions: 1, settings: always }],
])
const temporary = 'temp'
const partitionsMax = 3

export const roles: ReadonlyMap<string, TopicRole> = new Map(
  [...plans].map(([name, { role }]) => [name, role]),
)

/** Producer 0 is not idempotent and sends with acks 0 and 1; the others are, with acks=all. */
const producersOf: { readonly [topic: string]: readonly number[] } = {
  plain: [0, 1, 2],
  short: [0, 1],
  timed: [0, 1],
  compacted: [2],
  temp: [0, 1],
}
const keys = ['a', 'b', 'c', 'd']
/** Of records that are never sent again, and so come in the order of their ids. */
const ofFreed = 'freed'
/** Of one producer to one partition; the broker remembers as many. */
const inFlightMax = 5
/** Longer than the broker's flush interval, and than its cleanup interval. */
const flushedMs = 2500
const cleanedMs = 20_000
/** Longer than the broker takes until it looks for offsets that have expired. */
const expiredMs = 700_000

/** What happened, for the assurance that a simulation exercised what it claims to. */
export class Tally {
  readonly counts = new Map<string, number>()

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by)
  }

  add(other: Tally): void {
    for (const [what, count] of other.counts) this.count(what, count)
  }
}

export interface WorkloadOptions {
  readonly client: BrokerClient
  readonly promises: Promises
  readonly random: SeededRandom
  readonly runtime: SimulatedRuntime
  readonly disk: SimulatedDisk
  readonly tally: Tally
  /** The disk is made to fail, so any request may. */
  readonly hasFaults: boolean
  onProblem(problem: string): void
}

export class Workload {
  readonly #options: WorkloadOptions
  readonly #positions = new Map<string, bigint>()

  constructor(options: WorkloadOptions) {
    this.#options = options
  }

  /** Makes the topics that are not there. */
  async setUp(): Promise<void> {
    for (const name of plans.keys())
      if (name !== temporary && this.#topic(name).type === 'gone') await this.#create(name)
  }

  /**
   * What every producer does when it has lost the broker: idempotent batches without an answer are sent again. Some that
   * had one are, too, as if the answer had been lost: they are known to the broker and get the same answer.
   */
  async resend(): Promise<void> {
    const { promises, random, disk, tally } = this.#options
    for (const batches of this.#streams().values()) {
      const answered = batches.filter(({ baseOffset }) => baseOffset !== undefined)
      // Retention and compaction may leave only the last one.
      const isKept = roles.get(batches[0]!.topic) === 'log'
      // The broker knows the last five of a producer, and those without an answer may be among them.
      const knownMax = Math.min(isKept ? 3 : 1, inFlightMax - (batches.length - answered.length))
      const known = random.below(knownMax + 1)
      for (const batch of known === 0 ? [] : answered.slice(-known)) {
        const offset = batch.baseOffset!
        const answer = await this.#options.client.produce(batch, promises.encode(batch), batch.acks)
        if (!this.#isDone(answer, batch.topic, `again ${describeBatch(batch)}`)) break
        tally.count('acknowledged again')
        if (answer!.baseOffset !== offset)
          this.#options.onProblem(
            `twice: ${describeBatch(batch)} was sent again and is at ${answer!.baseOffset}, too`,
          )
      }
      await this.#sendUnanswered(batches)
      if (disk.isDead) return
    }
  }

  #streams(): Map<string, SentBatch[]> {
    const streams = new Map<string, SentBatch[]>()
    for (const batch of this.#options.promises.batches) {
      if (batch.producer === 0) continue
      const name = `${batch.producer}/${placeName(batch)}`
      streams.set(name, [...(streams.get(name) ?? []), batch])
    }
    return streams
  }

  /** One thing, or several at once. */
  async step(): Promise<void> {
    const { random } = this.#options
    const count = random.chance(0.3) ? 2 + random.below(2) : 1
    await Promise.all(Array.from({ length: count }, () => this.#oneThing()))
  }

  #oneThing(): Promise<void> {
    const choice = this.#options.random.next()
    if (choice < 0.5) return this.#produceTogether()
    if (choice < 0.78) return this.#consume()
    if (choice < 0.88) return this.#letTimePass(flushedMs)
    if (choice < 0.92) return this.#letTimePass(cleanedMs)
    if (choice < 0.94) return this.#setClock()
    if (choice < 0.96) return this.#sendWithoutKey()
    return this.#administrate()
  }

  async #produceTogether(): Promise<void> {
    const { random } = this.#options
    const sends: Promise<void>[] = []
    for (let count = 1 + random.below(4); count > 0; count--) {
      const place = this.#somePlace()
      if (!place) continue
      const producer = this.#pick(producersOf[place.topic]!)
      if (producer > 0 && !(await this.#identify(producer))) continue
      const send = this.#startSend(place, producer)
      if (send) sends.push(send)
    }
    await Promise.all(sends)
  }

  /** In flight of each stream, over all that goes on at once. */
  readonly #inFlight = new Map<string, number>()

  #startSend(place: Place, producer: number): Promise<void> | undefined {
    const stream = `${producer}/${placeName(place)}`
    const inFlight = this.#inFlight.get(stream) ?? 0
    const unanswered = this.#unanswered(place, producer)
    // What was refused comes first, and alone.
    const isRetry = unanswered.length > inFlight
    if (isRetry ? inFlight > 0 : inFlight >= inFlightMax) return undefined
    const weight = isRetry ? inFlightMax : 1
    this.#inFlight.set(stream, inFlight + weight)
    const sending = isRetry
      ? this.#sendUnanswered(unanswered)
      : this.#send(this.#newBatch(place, producer))
    return sending.finally(() => {
      this.#inFlight.set(stream, this.#inFlight.get(stream)! - weight)
    })
  }

  #newBatch(place: Place, producer: number): SentBatch {
    const { promises, random } = this.#options
    const isKeyed = place.topic === 'compacted'
    const recordKeys = Array.from({ length: 1 + random.below(4) }, () =>
      isKeyed ? this.#pick(keys) : null,
    )
    const acks = producer > 0 ? -1 : this.#pick([0, 1, 1] as const)
    const isTombstone = () => isKeyed && random.chance(0.15)
    return promises.newBatch(place, producer, acks, recordKeys, isTombstone, 20 + random.below(150))
  }

  #unanswered(place: Place, producer: number): SentBatch[] {
    if (producer === 0) return []
    return this.#options.promises
      .of(place)
      .filter((batch) => batch.producer === producer && batch.baseOffset === undefined)
  }

  /** In order, one after the other; stops at the first that is refused. */
  async #sendUnanswered(batches: readonly SentBatch[]): Promise<void> {
    for (const batch of batches) {
      if (batch.baseOffset !== undefined) continue
      await this.#send(batch)
      if (batch.baseOffset === undefined) return
      this.#options.tally.count('retried')
    }
  }

  async #send(batch: SentBatch): Promise<void> {
    const { client, promises, tally } = this.#options
    const answer = await client.produce(batch, promises.encode(batch), batch.acks)
    if (!this.#isDone(answer, batch.topic, describeBatch(batch))) return
    tally.count(`acknowledged with acks=${batch.acks}`)
    if (batch.acks !== 0) batch.baseOffset = answer!.baseOffset
  }

  async #consume(): Promise<void> {
    const { client, promises, random, tally } = this.#options
    const place = this.#somePlace()
    if (!place) return
    const name = placeName(place)
    const before = this.#topic(place.topic)
    const from = this.#positions.get(name) ?? (await client.committed(place)) ?? -1n
    const fetched = await client.fetch(place, from < 0n ? 0n : from, 500 + random.below(4000))
    if (fetched?.error === 'OFFSET_OUT_OF_RANGE' && roles.get(place.topic) !== 'log') {
      const earliest = await client.offsetAt(place, -2n)
      if (earliest !== undefined) this.#positions.set(name, earliest)
      return
    }
    if (!fetched || !this.#isDone(fetched, place.topic, `fetch of ${name} at ${from}`)) return
    // The topic may be on its way out, and what was said of it with it.
    if (this.#topic(place.topic) !== before) return
    promises.noteSeen(place, fetched.records)
    tally.count('seen', fetched.records.length)
    this.#positions.set(name, fetched.nextOffset)
    // Often again: the history of what is committed is what compaction shortens.
    for (let commits = random.below(5); commits > 0; commits--)
      await this.#commit(place, fetched.nextOffset)
  }

  async #commit(place: Place, offset: bigint): Promise<void> {
    const { client, promises, tally } = this.#options
    const name = placeName(place)
    const promise = promises.committed.get(name) ?? { acknowledged: -1n, asked: -1n }
    // Another consumer of the simulated group has got further.
    if (offset < promise.asked) return
    promise.asked = offset
    promises.committed.set(name, promise)
    const answer = await client.commit(place, offset)
    if (!this.#isDone(answer, place.topic, `commit of ${offset} of ${name}`)) return
    tally.count('committed')
    if (offset > promise.acknowledged) promise.acknowledged = offset
  }

  async #letTimePass(ms: number): Promise<void> {
    const { runtime, disk, promises, hasFaults } = this.#options
    const before = promises.batches.filter(({ baseOffset }) => baseOffset !== undefined)
    await new Promise<void>((resolve) => void runtime.setTimer(ms, resolve))
    if (!disk.isDead && !hasFaults) for (const batch of before) batch.isExposed = false
  }

  /** Years ahead, or right again; and time for the broker to make something of it. */
  #setClock(): Promise<void> {
    const { runtime, tally } = this.#options
    runtime.aheadMs = runtime.aheadMs === 0 ? clockJumpMs : 0
    tally.count('clock set')
    return this.#letTimePass(expiredMs)
  }

  /** A compacted topic must refuse it: what it acknowledges it would have to keep. */
  async #sendWithoutKey(): Promise<void> {
    const { client, promises, tally, onProblem, hasFaults } = this.#options
    if (this.#topic('compacted').type !== 'live') return
    const place = { topic: 'compacted', partition: 0 }
    const batch = promises.newBatch(place, 0, 1, [null], () => false, 30)
    const answer = await client.produce(place, promises.encode(batch), batch.acks)
    if (answer?.error === 'NONE') batch.baseOffset = answer.baseOffset
    else if (answer?.error === 'INVALID_RECORD') tally.count('refused without a key')
    else if (answer && !hasFaults) onProblem(`${answer.error}: a record without a key`)
  }

  async #administrate(): Promise<void> {
    const { random, client } = this.#options
    const state = this.#topic(temporary)
    if (state.type === 'gone') await this.#create(temporary)
    else if (state.type === 'live' && random.chance(0.4)) await this.#delete(temporary, state)
    else if (state.type === 'live' && state.partitions < partitionsMax)
      await this.#grow(temporary, state)
    else await client.alterTopic('plain', { 'segment.bytes': String(1100 + random.below(2000)) })
  }

  async #create(name: string): Promise<void> {
    const { client, promises, tally } = this.#options
    const { partitions, settings } = plans.get(name)!
    promises.topics.set(name, { type: 'unknown', before: { type: 'gone' }, attempt: 'create' })
    const answer = await client.createTopic(name, partitions, settings)
    if (!this.#isDone(answer, name, `creation of ${name}`)) return
    promises.topics.set(name, { type: 'live', id: answer!.id, partitions })
    tally.count('topics created')
  }

  async #delete(name: string, before: TopicState): Promise<string | undefined> {
    const { client, promises, tally } = this.#options
    promises.topics.set(name, { type: 'unknown', before, attempt: 'delete' })
    const answer = await client.deleteTopic(name)
    if (!this.#isDone(answer, name, `deletion of ${name}`)) return answer?.error
    promises.topics.set(name, { type: 'gone' })
    promises.forget(name)
    for (const place of [...this.#positions.keys()])
      if (place.startsWith(`${name}-`)) this.#positions.delete(place)
    tally.count('topics deleted')
    return undefined
  }

  /** What an operator does on a full disk. While there is a reserve file it cannot be refused, and the folder is gone. */
  async freeByDeletion(): Promise<void> {
    const { disk, tally, random, runtime, onProblem } = this.#options
    await new Promise<void>((resolve) => void runtime.setTimer(2 * flushedMs, resolve))
    const state = this.#topic(temporary)
    if (disk.isDead || state.type !== 'live') return
    disk.leaveFree(0)
    const hasReserve = disk.stat('.reserve') !== undefined
    disk.failNoMore()
    if (random.chance(0.5)) disk.takeRoomFrom(/^(log-start|recovery-point)-offset/)
    const error = await this.#delete(temporary, state)
    if (disk.isDead) return
    const isDone = this.#topic(temporary).type === 'gone'
    // Without the log that names all topics none can be deleted, on any disk.
    const isOffline = disk.failedSyncs.some((path) => path.startsWith('__cluster_metadata-'))
    if (hasReserve && !isDone && !isOffline)
      onProblem(`${error}: on a full disk a topic could not be deleted`)
    if (isDone && disk.list('').some((folder) => folder.startsWith(`${temporary}-`)))
      onProblem('the folder of a topic that was deleted on a full disk is there')
    if (isDone) tally.count('deleted on a full disk')
  }

  /** Long enough for retention, and for what is tried again. */
  async waitForCleaning(): Promise<void> {
    const { runtime } = this.#options
    await new Promise<void>((resolve) => void runtime.setTimer(cleanedMs, resolve))
  }

  /** More than retention leaves. */
  async produceMuch(): Promise<void> {
    const { client, promises, disk } = this.#options
    const place = { topic: 'short', partition: 0 }
    for (let i = 0; i < 30 && !disk.isDead && this.#topic(place.topic).type === 'live'; i++) {
      const batch = promises.newBatch(place, 0, -1, [null], () => false, 150)
      const answer = await client.produce(batch, promises.encode(batch), batch.acks)
      if (answer?.error === 'NONE') batch.baseOffset = answer.baseOffset
    }
  }

  /** Nothing is refused when the disk is free again. */
  async produceEverywhere(): Promise<void> {
    const { client, promises, disk, onProblem } = this.#options
    for (const topic of plans.keys()) {
      const state = this.#topic(topic)
      if (state.type !== 'live') continue
      for (let partition = 0; partition < state.partitions; partition++) {
        const place = { topic, partition }
        const batch = promises.newBatch(place, 0, -1, [ofFreed], () => false, 20)
        const answer = await client.produce(batch, promises.encode(batch), batch.acks)
        if (disk.isDead) return
        if (answer?.error === 'NONE') batch.baseOffset = answer.baseOffset
        else onProblem(`${answer?.error} when the disk was free again: ${describeBatch(batch)}`)
      }
    }
  }

  async #grow(name: string, before: TopicState & { type: 'live' }): Promise<void> {
    const { client, promises, tally } = this.#options
    promises.topics.set(name, { type: 'unknown', before, attempt: 'grow' })
    const answer = await client.createPartitions(name, before.partitions + 1)
    if (!this.#isDone(answer, name, `growth of ${name}`)) return
    promises.topics.set(name, { ...before, partitions: before.partitions + 1 })
    tally.count('topics grown')
  }

  /** Whether it succeeded. A refusal is a problem, unless something was made to fail or the topic was on its way. */
  #isDone(answer: Answer | undefined, topic: string, what: string): boolean {
    if (answer?.error === 'NONE') return true
    const { hasFaults, onProblem } = this.#options
    if (answer && !hasFaults && topic !== temporary) onProblem(`${answer.error}: ${what}`)
    return false
  }

  async #identify(producer: number): Promise<boolean> {
    const { client, promises } = this.#options
    if (promises.producerIds.has(producer)) return true
    const id = await client.initProducer()
    if (id === undefined || promises.producerIds.has(producer)) return id !== undefined
    if ([...promises.producerIds.values()].includes(id))
      this.#options.onProblem(`producer id ${id} was given out twice`)
    promises.producerIds.set(producer, id)
    return true
  }

  #topic(name: string): TopicState {
    return this.#options.promises.topics.get(name) ?? { type: 'gone' }
  }

  #somePlace(): Place | undefined {
    const topic = this.#pick(['plain', 'plain', 'short', 'timed', 'compacted', temporary])
    const state = this.#topic(topic)
    if (state.type !== 'live') return undefined
    return { topic, partition: this.#options.random.below(state.partitions) }
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#options.random.below(choices.length)]!
  }
}
