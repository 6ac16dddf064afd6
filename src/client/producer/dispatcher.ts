/**
 * Sends what the partitions' queues hold: in rounds, one Produce request per leader and round, each as soon as its queue
 * lets it go. Looks up leaders that are not known, gets the producer its id, and watches deadlines.
 */
import { KafkaError } from '../../core/errors.ts'
import { type Codec, loadCodec } from '../../protocol/compression/codec.ts'
import { produce } from '../../protocol/messages/generated/produce.ts'
import type { Cluster } from '../cluster.ts'
import type { Admission } from './admission.ts'
import { Alarm } from './alarm.ts'
import type { PartitionQueue, QueuedBatch } from './partition-queue.ts'
import { noIdentity, type ProducerIdentity } from './pending-batch.ts'
import { answerTo, produceRequest, splitBySize } from './produce-request.ts'
import type { ResolvedProducerConfig } from './producer-config.ts'
import type { ProducerIdentities } from './producer-identities.ts'
import type { SendBuffer } from './send-buffer.ts'
import type { Settlement } from './settlement.ts'
import type { TopicQueues } from './topic-queues.ts'

interface DispatcherParts {
  readonly cluster: Cluster
  readonly config: ResolvedProducerConfig
  readonly identities: ProducerIdentities | undefined
  readonly topics: TopicQueues
  readonly buffer: SendBuffer
  readonly settlement: Settlement
}

/** A request that was sent, and is given up once nobody waits for any of its batches. */
interface Flight {
  readonly batches: readonly QueuedBatch[]
  readonly giveUp: AbortController
}

export class Dispatcher {
  /** While positive, nothing lingers. */
  flushes = 0
  readonly #parts: DispatcherParts
  readonly #admission: Admission
  /** Queues that are not empty. */
  readonly #active = new Set<PartitionQueue>()
  readonly #flights: Flight[] = []
  /** Queues whose next epoch the broker is being asked for; they send nothing meanwhile. */
  readonly #renewing = new Set<PartitionQueue>()
  readonly #alarm: Alarm
  #landed: (() => void)[] = []
  #codec: Codec | undefined
  #isPrepared = false
  #isPreparing = false
  #isScheduled = false

  constructor(parts: DispatcherParts, admission: Admission) {
    this.#parts = parts
    this.#admission = admission
    this.#alarm = new Alarm(parts.cluster.runtime, () => this.schedule())
    // A timer that is left would keep the process from ending.
    parts.buffer.onIdle = () => this.#alarm.cancel()
  }

  /** The queue has something to send. */
  activate(queue: PartitionQueue): void {
    this.#active.add(queue)
    this.schedule()
  }

  /** Sends made in one go share a batch: a round runs once the current synchronous code is done. */
  schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#run()
    })
  }

  /** Fails everything that is not in flight. */
  failQueued(error: unknown): void {
    for (const queue of this.#active) {
      this.#parts.settlement.failQueued(queue, error)
      // One that stayed would be prepared for again, and again in vain.
      if (queue.isEmpty) this.#active.delete(queue)
    }
  }

  /** Resolves when no request is on its way. */
  async landed(): Promise<void> {
    while (this.#flights.length > 0) {
      await new Promise<void>((resolve) => this.#landed.push(resolve))
    }
  }

  /** Every partition goes on under a new identity, from sequence 0. Only when nothing is on its way. */
  startEpoch(identity: ProducerIdentity): void {
    for (const queue of this.#parts.topics.queues()) this.#begin(queue, identity)
  }

  close(): void {
    this.#alarm.cancel()
  }

  #run(): void {
    const now = this.#now()
    this.#expire(now)
    this.#admission.shareMemory()
    if (this.#isPrepared) this.#sendRounds(now)
    else if (this.#active.size > 0) void this.#prepare()
    this.#setAlarm(now)
  }

  #expire(now: number): void {
    this.#admission.expire(now)
    const { deliveryTimeout } = this.#parts.config
    let isGivenUp = false
    for (const queue of this.#active) {
      const oldest = queue.oldest()
      if (oldest === undefined || now < oldest + deliveryTimeout) continue
      if (this.#parts.settlement.expire(queue, now).length > 0) isGivenUp = true
    }
    if (!isGivenUp) return
    for (const { batches, giveUp } of this.#flights) {
      if (batches.every(({ isTold }) => isTold)) giveUp.abort()
    }
  }

  #sendRounds(now: number): void {
    for (;;) {
      const byLeader = new Map<number, QueuedBatch[]>()
      for (const queue of this.#active) {
        if (this.flushes > 0) queue.seal()
        this.#takeFrom(queue, now, byLeader)
      }
      if (byLeader.size === 0) return
      for (const [leaderId, batches] of byLeader) {
        for (const part of splitBySize(batches, this.#parts.config.maxRequestSize))
          void this.#send(leaderId, part)
      }
    }
  }

  async #prepare(): Promise<void> {
    if (this.#isPreparing) return
    this.#isPreparing = true
    const { config, identities } = this.#parts
    try {
      if (config.compression !== 'none') this.#codec = await loadCodec(config.compression)
      await identities?.acquire()
      this.#isPrepared = true
    } catch (error) {
      this.failQueued(error)
    }
    this.#isPreparing = false
    this.schedule()
  }

  #takeFrom(queue: PartitionQueue, now: number, byLeader: Map<number, QueuedBatch[]>): void {
    if (queue.isEmpty) {
      this.#active.delete(queue)
      return
    }
    const { identities } = this.#parts
    if (identities && !queue.isInFlight) {
      if (queue.identity === noIdentity && !queue.needsNewEpoch) {
        // No current one: the broker has forgotten the producer, and its next id has not come yet.
        if (identities.current === noIdentity) queue.needsNewEpoch = true
        else this.#begin(queue, identities.current)
      }
      if (queue.needsNewEpoch) return void this.#startEpoch(queue)
    }
    const leaderId = this.#leaderOf(queue, now)
    if (leaderId === undefined) return
    const batch = queue.take(now)
    if (!batch) return
    const batches = byLeader.get(leaderId)
    if (batches) batches.push(batch)
    else byLeader.set(leaderId, [batch])
  }

  #leaderOf(queue: PartitionQueue, now: number): number | undefined {
    const { cluster, config, topics, settlement } = this.#parts
    const leaderId = cluster.leaderOf(queue.topic, queue.partition)
    if (leaderId === undefined && now >= queue.mutedUntil) {
      queue.mutedUntil = now + config.retryBackoff
      cluster.ensureTopic(queue.topic).then(
        (info) => {
          topics.learn(info)
          queue.lookUpError = undefined
          queue.mutedUntil = 0
          this.schedule()
        },
        (error: unknown) => {
          queue.lookUpError = error
          if (!(error instanceof KafkaError && error.retriable)) settlement.failQueued(queue, error)
          this.schedule()
        },
      )
    }
    return leaderId
  }

  async #send(nodeId: number, batches: readonly QueuedBatch[]): Promise<void> {
    const { cluster, config, identities, topics, settlement } = this.#parts
    const timeoutMs = Math.min(config.deliveryTimeout, cluster.config.timeout)
    const transaction = identities?.transaction
    const transactionalId = transaction?.transactionalId
    const options = { topics, codec: this.#codec, acks: config.acks, timeoutMs, transactionalId }
    const request = produceRequest(batches, options)
    const flight = { batches, giveUp: new AbortController() }
    this.#flights.push(flight)
    try {
      await transaction?.join(batches.map(({ queue }) => queue))
      flight.giveUp.signal.throwIfAborted()
    } catch (error) {
      return this.#land(flight, (batch) => settlement.attemptFailed(batch, error))
    }
    try {
      const oneWay = config.acks === 0
      for (const batch of batches) batch.isAwaitingAnswer = true
      const response = await cluster.exchange(produce, request, {
        nodeId,
        timeoutMs,
        oneWay,
        signal: flight.giveUp.signal,
        maxVersion: transaction?.produceVersionMax,
      })
      this.#land(flight, (batch) => {
        if (oneWay) settlement.stored(batch, -1n, -1)
        else settlement.answered(batch, answerTo(batch, response, topics))
      })
    } catch (error) {
      this.#land(flight, (batch) => settlement.unanswered(batch, error))
    }
  }

  /** The request is over: `settle` says what that means for each of its batches. */
  #land(flight: Flight, settle: (batch: QueuedBatch) => void): void {
    this.#flights.splice(this.#flights.indexOf(flight), 1)
    for (const batch of flight.batches) settle(batch)
    const listeners = this.#landed
    this.#landed = []
    for (const listener of listeners) listener()
    this.schedule()
  }

  async #startEpoch(queue: PartitionQueue): Promise<void> {
    if (this.#renewing.has(queue)) return
    this.#renewing.add(queue)
    try {
      this.#begin(queue, await this.#parts.identities!.next(queue.identity))
    } catch (error) {
      this.#parts.settlement.failQueued(queue, error)
      queue.needsNewEpoch = true
    }
    this.#renewing.delete(queue)
    queue.mutedUntil = 0
    this.schedule()
  }

  #begin(queue: PartitionQueue, identity: ProducerIdentity): void {
    for (const batch of queue.startEpoch(identity)) {
      this.#parts.settlement.fail(batch, lostTrack(queue))
    }
  }

  /** For the earliest linger, backoff or deadline that ends in the future. */
  #setAlarm(now: number): void {
    if (this.#parts.buffer.isSettled) return
    const { deliveryTimeout } = this.#parts.config
    let dueAt = this.#admission.deadline() ?? Number.POSITIVE_INFINITY
    for (const queue of this.#active) {
      const due = queue.dueAt()
      if (due !== undefined && due > now && due < dueAt) dueAt = due
      const oldest = queue.oldest()
      if (oldest !== undefined) dueAt = Math.min(dueAt, oldest + deliveryTimeout)
    }
    if (dueAt < Number.POSITIVE_INFINITY) this.#alarm.setFor(dueAt, now)
  }

  #now(): number {
    return this.#parts.cluster.runtime.monotonicNow()
  }
}

function lostTrack({ topic, partition }: PartitionQueue): KafkaError {
  return new KafkaError(
    `The producer lost track of ${topic}-${partition}: an earlier attempt got no answer and the broker no longer knows the sequence. Look for the record before sending it again`,
    { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', outcome: 'unknown' },
  )
}
