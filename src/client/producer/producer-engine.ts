/**
 * Takes serialised records and gets them stored: gathers them into batches by partition, sends those to the partitions'
 * leaders, tries again, and tells each record's `Delivery` its outcome once, at its deadline at the latest.
 *
 * The way of a record: enqueue → `Admission` (which waits for metadata and memory) → `PartitionQueue` → `Dispatcher` → one
 * Produce request per leader and round → `Settlement` → `Delivery`. Records of a partition keep the order of `enqueue`.
 */
import { ClosedError, type KafkaError } from '../../core/errors.ts'
import type { Cluster } from '../cluster.ts'
import { Admission } from './admission.ts'
import type { Delivery } from './delivery.ts'
import { Dispatcher } from './dispatcher.ts'
import { IdentitySource } from './identity-source.ts'
import type { OutgoingRecord, ProducerIdentity } from './pending-batch.ts'
import type { ResolvedProducerConfig } from './producer-config.ts'
import type { ProducerIdentities } from './producer-identities.ts'
import { SendBuffer } from './send-buffer.ts'
import { Settlement } from './settlement.ts'
import { TopicQueues } from './topic-queues.ts'

/** The broker remembers the last five batches of a producer (KIP-98), so no more may be unanswered. */
const idempotentInFlightMax = 5

/** Share of `deliveryTimeout` by which a record may fail early, because it has its batch's deadline. */
const batchAgeShare = 0.1

export class ProducerEngine {
  readonly #cluster: Cluster
  readonly #buffer: SendBuffer
  readonly #admission: Admission
  readonly #dispatcher: Dispatcher
  readonly #settlement: Settlement
  /** Told once it is closed. */
  onClosed: (() => void) | undefined
  #closing: Promise<void> | undefined

  /** `identities`: default: its own where the producer is idempotent. */
  constructor(
    cluster: Cluster,
    config: ResolvedProducerConfig,
    identities: ProducerIdentities | undefined = config.idempotent
      ? new IdentitySource(cluster)
      : undefined,
  ) {
    const { batchSize, linger, deliveryTimeout, partitioner } = config
    const limits = {
      batchSize,
      linger,
      inFlightMax: config.idempotent ? idempotentInFlightMax : 1,
      ageMax: Math.max(linger, deliveryTimeout * batchAgeShare),
    }
    const topics = new TopicQueues(limits, partitioner, cluster.runtime)
    const buffer = new SendBuffer(config.bufferMemory)
    this.#cluster = cluster
    this.#buffer = buffer
    this.#settlement = new Settlement({ cluster, config, identities, buffer })
    this.#admission = new Admission({
      cluster,
      config,
      topics,
      buffer,
      onEntry: (queue) => this.#dispatcher.activate(queue),
      onWait: () => this.#dispatcher.schedule(),
    })
    const parts = { cluster, config, identities, topics, buffer, settlement: this.#settlement }
    this.#dispatcher = new Dispatcher(parts, this.#admission)
    cluster.metrics.buffers.add(this)
  }

  /** Size of records that have no outcome yet. */
  get bufferedBytes(): number {
    return this.#buffer.bytes
  }

  /** Takes over a record; `delivery` is told its outcome, also when it could not be sent. Never throws. */
  enqueue(record: OutgoingRecord, delivery: Delivery, index: number): void {
    if (this.#closing) delivery.failed(index, closedProducer())
    else this.#admission.enqueue(record, delivery, index)
  }

  /** Resolves once every record enqueued so far has its outcome, which `deliveryTimeout` bounds. */
  async flush(): Promise<void> {
    this.#dispatcher.flushes++
    this.#dispatcher.schedule()
    await this.#buffer.settled()
    this.#dispatcher.flushes--
  }

  /** Fails what has not been sent and waits for the outcome of what has; nothing is sent again. */
  async discard(error: KafkaError): Promise<void> {
    this.#settlement.isDiscarding = true
    this.#admission.failAll(error)
    this.#dispatcher.failQueued(error)
    try {
      await this.flush()
      await this.#dispatcher.landed()
    } finally {
      this.#settlement.isDiscarding = false
    }
  }

  /** Every partition goes on under a new identity, from sequence 0. Only when nothing is on its way. */
  startEpoch(identity: ProducerIdentity): void {
    this.#dispatcher.startEpoch(identity)
  }

  /** Refuses more, and resolves once what it has been given has its outcome. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.flush()
    this.#dispatcher.close()
    this.#cluster.metrics.buffers.delete(this)
    this.onClosed?.()
  }
}

function closedProducer(): ClosedError {
  return new ClosedError('The producer is closed; create a new one', {
    code: 'PRODUCER_CLOSED',
  })
}
