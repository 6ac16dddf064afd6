/**
 * One run of a consumer, from its start to its end: owns the assigned partitions and hands out their records one by
 * one. The membership says which partitions, the fetcher fills them, the committer saves the progress.
 *
 *   GroupMember ──assigned/revoked──▶ Consumption ◀──take/handled/stop── the application
 *                                      │       ▲
 *                                  Fetcher   GroupCommitter
 */
import { ClosedError, KafkaError, SerializationError } from '../../core/errors.ts'
import type { Timer } from '../../core/runtime.ts'
import { nextTurn } from '../../core/turn.ts'
import type { RecordCursor } from '../../protocol/records/record-reader.ts'
import { type Cluster, closedClient } from '../cluster.ts'
import type { Serializer } from '../serializer.ts'
import type { Topic } from '../topic.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import { assignors } from './assignors/assignors.ts'
import { fetchCommitted, GroupCommitter } from './committer.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'
import type { FetchedRecords } from './fetched-records.ts'
import { Fetcher } from './fetcher.ts'
import { GroupMember } from './group-member.ts'
import { PartitionConsumption } from './partition-consumption.ts'
import { ConsumerRecord, type RecordHeaders } from './record.ts'
import type { Source } from './record-stream.ts'

/**
 * How long `close` waits for the record in the application's hands. Not for ever: the application may be awaiting
 * `close` inside its own handler.
 */
const handlingGraceMs = 1000

/** Records handed out without a pause before the event loop gets a turn, so that timers and I/O are not starved. */
const recordsPerTurn = 2048

export class Consumption<V, K> implements Source<ConsumerRecord<V, K>> {
  readonly #cluster: Cluster
  readonly #topics: ReadonlyMap<string, Topic<V, K>>
  readonly #config: ResolvedConsumerConfig
  readonly #fetcher: Fetcher
  readonly #member: GroupMember | undefined
  readonly #committer: GroupCommitter | undefined
  readonly #partitions: PartitionConsumption[] = []
  readonly #onStopped: () => void
  #turn = 0
  #recordsThisTurn = 0
  #inHand: ConsumerRecord<V, K> | undefined
  #inHandOf: PartitionConsumption | undefined
  #wake: (() => void) | undefined
  #hasNews = false
  #error: unknown
  #stopped: Promise<void> | undefined
  #commitTimer: Timer | undefined
  #isClosing = false
  readonly #onAbort = () => void this.close()

  constructor(
    cluster: Cluster,
    topics: ReadonlyMap<string, Topic<V, K>>,
    config: ResolvedConsumerConfig,
    onStopped: () => void,
  ) {
    this.#cluster = cluster
    this.#topics = topics
    this.#config = config
    this.#onStopped = onStopped
    this.#fetcher = new Fetcher(cluster, config, {
      onRecords: () => this.#notify(),
      onError: (error) => this.#fail(error),
    })
    if (config.group !== undefined) {
      const member = new GroupMember(
        cluster,
        [...topics.keys()],
        config,
        assignors[config.assignor],
        {
          assigned: (partitions) => this.#assigned(partitions),
          revoked: (partitions) => this.#revoked(partitions),
          lost: (partitions) => this.#lost(partitions),
          failed: (error) => this.#fail(error),
        },
      )
      this.#member = member
      this.#committer = new GroupCommitter(cluster, config.group, {
        owned: () => this.#partitions,
        stableGeneration: () => member.stableGeneration(),
      })
    }
    config.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (cluster.closed.aborted) this.#error = closedClient()
    else if (config.signal?.aborted) void this.stop()
    else void this.#start()
  }

  take(): ConsumerRecord<V, K> | undefined {
    this.handled()
    if (this.#error !== undefined) throw this.#error
    if (this.#isClosing || this.#recordsThisTurn >= recordsPerTurn) return undefined
    for (let tried = 0; tried < this.#partitions.length; tried++) {
      const partition = this.#partitions[this.#turn % this.#partitions.length]!
      const records = partition.isPaused || partition.isRevoking ? undefined : partition.advance()
      if (records) return this.#deliver(partition, records)
      this.#turn++
    }
    return undefined
  }

  async ready(): Promise<boolean> {
    if (this.#recordsThisTurn >= recordsPerTurn) {
      this.#recordsThisTurn = 0
      await nextTurn()
      return this.#goesOn()
    }
    this.handled()
    this.#fetcher.pump()
    while (!this.#hasNews && this.#goesOn()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#hasNews = false
    this.#recordsThisTurn = 0
    return this.#goesOn()
  }

  handled(): void {
    const record = this.#inHand
    if (!record) return
    this.#inHand = undefined
    this.#inHandOf!.released(record as ConsumerRecord, true)
  }

  /** As `stop`, but first lets the application finish the record it is handling. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#notify()
    if (this.#inHandOf && this.#inHand) await this.#whenHandled([this.#inHandOf], handlingGraceMs)
    await this.stop()
  }

  stop(): Promise<void> {
    this.#isClosing = true
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  #goesOn(): boolean {
    if (this.#error !== undefined) throw this.#error
    return !this.#isClosing
  }

  #deliver(partition: PartitionConsumption, records: FetchedRecords): ConsumerRecord<V, K> {
    const record = this.#decode(partition, records)
    this.#recordsThisTurn++
    this.#inHand = record
    this.#inHandOf = partition
    partition.delivered(record as ConsumerRecord)
    if (partition.bufferedAnswers === 1) this.#fetcher.pump()
    return record
  }

  #decode(partition: PartitionConsumption, records: FetchedRecords): ConsumerRecord<V, K> {
    const cursor = records.cursor!
    const topic = this.#topics.get(partition.topic)!
    let field: 'key' | 'value' = 'key'
    try {
      const key = readKey(topic.key, cursor)
      field = 'value'
      const value = readValue(topic.value, cursor)
      return new ConsumerRecord<V, K>(
        partition,
        records.baseOffset,
        cursor.offsetDelta,
        cursor.timestampMs,
        key,
        value as V,
        cursor.hasHeaders ? readHeaders(cursor) : undefined,
      )
    } catch (cause) {
      if (cause instanceof KafkaError) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      this.#error = new SerializationError(
        `The ${field} at offset ${records.position - 1n} of ${partition.topic}-${partition.partition} cannot be read as ${topic[field].name}: ${reason}`,
        { code: 'DESERIALIZATION_FAILED', cause },
      )
      throw this.#error
    }
  }

  async #start(): Promise<void> {
    try {
      for (const name of this.#topics.keys()) await this.#cluster.ensureTopic(name)
      if (this.#member) {
        this.#member.start()
        if (this.#config.autoCommit) this.#commitLater()
        return
      }
      const all = [...this.#topics.keys()].flatMap((topic) =>
        this.#cluster.topic(topic)!.partitions.map(({ index }) => ({ topic, partition: index })),
      )
      await this.#assigned(all)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #assigned(assigned: readonly TopicPartition[]): Promise<void> {
    const partitions = assigned.map(
      ({ topic, partition }) =>
        new PartitionConsumption(topic, partition, this.#committer, this.#config.autoCommit),
    )
    for (const { topic } of assigned) await this.#cluster.ensureTopic(topic)
    if (this.#config.group !== undefined) {
      const committed = await fetchCommitted(this.#cluster, this.#config.group, assigned)
      partitions.forEach((partition, i) => {
        const offset = committed[i]
        if (offset === undefined) return
        partition.seek(offset)
        partition.committed = offset
      })
    }
    this.#partitions.push(...partitions)
    this.#fetcher.add(partitions)
  }

  async #revoked(revoked: readonly TopicPartition[]): Promise<void> {
    const partitions = this.#find(revoked)
    for (const partition of partitions) partition.revoke()
    this.#fetcher.remove(partitions)
    await this.#whenHandled(partitions, this.#config.rebalanceTimeout * 0.8)
    await this.#committer?.commitNow().catch((error: unknown) => this.#commitFailed(error))
    this.#forget(partitions)
  }

  #lost(lost: readonly TopicPartition[]): void {
    const partitions = this.#find(lost)
    this.#fetcher.remove(partitions)
    this.#forget(partitions)
  }

  #forget(partitions: readonly PartitionConsumption[]): void {
    for (const partition of partitions) {
      partition.lose()
      this.#partitions.splice(this.#partitions.indexOf(partition), 1)
    }
  }

  /** Waits for records in the application's hands, but no longer than `waitMs`. */
  async #whenHandled(partitions: readonly PartitionConsumption[], waitMs: number): Promise<void> {
    let timer: Timer | undefined
    const deadline = new Promise<void>((resolve) => {
      timer = this.#cluster.runtime.setTimer(waitMs, resolve)
    })
    await Promise.race([
      Promise.all(partitions.map((partition) => partition.whenHandled())),
      deadline,
    ])
    timer?.cancel()
  }

  #find(wanted: readonly TopicPartition[]): PartitionConsumption[] {
    return this.#partitions.filter((own) =>
      wanted.some(({ topic, partition }) => own.topic === topic && own.partition === partition),
    )
  }

  #commitLater(): void {
    this.#commitTimer = this.#cluster.runtime.setTimer(this.#config.autoCommitInterval, () => {
      const committing = this.#committer!.commitNow()
      void committing
        .catch((error: unknown) => this.#commitFailed(error))
        .then(() => {
          if (!this.#stopped) this.#commitLater()
        })
    })
  }

  #commitFailed(error: unknown): void {
    // What was not committed is delivered again later; losing the commit loses no record.
    this.#cluster.runtime.logger.warn(
      { err: error, group: this.#config.group },
      'offsets were not committed',
    )
  }

  async #stop(): Promise<void> {
    this.#notify()
    this.#config.signal?.removeEventListener('abort', this.#onAbort)
    this.#commitTimer?.cancel()
    // The application asked to stop inside its handler, or broke out of the loop: that record is not done.
    const record = this.#inHand
    this.#inHand = undefined
    if (record) this.#inHandOf!.released(record as ConsumerRecord, false)
    const partitions = [...this.#partitions]
    for (const partition of partitions) partition.revoke()
    this.#fetcher.close()
    try {
      await this.#member?.leave(async () => {
        await this.#committer!.commitNow().catch((error: unknown) => this.#commitFailed(error))
      })
    } finally {
      for (const partition of partitions) partition.lose()
      this.#onStopped()
    }
  }

  #fail(error: unknown): void {
    this.#error ??= error ?? new ClosedError('The consumer failed', { code: 'CONSUMER_CLOSED' })
    this.#notify()
  }

  #notify(): void {
    this.#hasNews = true
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}

function readKey<K>(serializer: Serializer<K>, cursor: RecordCursor): K | null {
  if (serializer.deserializeText) {
    const text = cursor.keyText()
    return text === null ? null : serializer.deserializeText(text)
  }
  const bytes = cursor.keyBytes()
  return bytes === null ? null : serializer.deserialize(bytes)
}

function readValue<V>(serializer: Serializer<V>, cursor: RecordCursor): V | null {
  if (serializer.deserializeText) {
    const text = cursor.valueText()
    return text === null ? null : serializer.deserializeText(text)
  }
  const bytes = cursor.valueBytes()
  return bytes === null ? null : serializer.deserialize(bytes)
}

const decoder = new TextDecoder()

function readHeaders(cursor: RecordCursor): RecordHeaders {
  const headers: { [name: string]: string } = {}
  for (const [name, value] of cursor.headers())
    headers[name] = value === null ? '' : decoder.decode(value)
  return headers
}
