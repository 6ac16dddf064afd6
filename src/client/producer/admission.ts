/**
 * The way into the partitions' queues. A record whose topic is known and for which there is memory goes straight in. The
 * others wait in line, one line for each topic: for its metadata, which a line looks up once for all that wait in it,
 * or for memory, which lines are given in turn, a record at a time. No line waits for another.
 *
 * Invariants. Records of a topic enter in the order they came: while there is a line, later ones join it. Each leaves its
 * line at its deadline at the latest, told what it was waiting for.
 */
import { KafkaError, PartitionNotFoundError, TimeoutError } from '../../core/errors.ts'
import { Fifo } from '../../core/fifo.ts'
import type { Cluster } from '../cluster.ts'
import { errorLabel } from '../metrics.ts'
import type { Delivery } from './delivery.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { Arrival, OutgoingRecord } from './pending-batch.ts'
import type { ResolvedProducerConfig } from './producer-config.ts'
import type { SendBuffer, Wave } from './send-buffer.ts'
import type { KnownTopic, TopicQueues } from './topic-queues.ts'

/** The records of one topic that wait. */
interface Line {
  readonly topic: string
  readonly arrivals: Fifo<Arrival>
  isLookingUp: boolean
  /** So many, from the head, are judged by the look-up that was made last, and ask for no other. */
  judged: number
}

interface AdmissionParts {
  readonly cluster: Cluster
  readonly config: ResolvedProducerConfig
  readonly topics: TopicQueues
  readonly buffer: SendBuffer
  /** A record has entered this queue. */
  readonly onEntry: (queue: PartitionQueue) => void
  /** A record waits: its deadline is to be watched. */
  readonly onWait: () => void
}

export class Admission {
  readonly #parts: AdmissionParts
  readonly #lines = new Map<string, Line>()
  /** Lines whose head waits for memory, in the order in which they get it. */
  readonly #hungry = new Set<Line>()
  /** When the records of this go came, monotonic milliseconds; undefined between two goes. */
  #goAt: number | undefined

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  /** Takes over a record; never throws. */
  enqueue(record: OutgoingRecord, delivery: Delivery, index: number): void {
    this.#goAt ??= this.#beginGo()
    const enqueuedAt = this.#goAt
    const wave = this.#parts.buffer.enter()
    let line = this.#lines.size > 0 ? this.#lines.get(record.topic) : undefined
    if (!line) {
      const topic = this.#parts.topics.get(record.topic)
      if (topic && hasPartition(topic, record) && !this.#parts.buffer.isFull) {
        // Most records need nothing of a line, nor an object to wait in it with.
        return this.#enter(topic, record, delivery, index, enqueuedAt, wave)
      }
      line = { topic: record.topic, arrivals: new Fifo(), isLookingUp: false, judged: 0 }
      this.#lines.set(record.topic, line)
    }
    line.arrivals.push({ record, delivery, index, enqueuedAt, wave })
    if (line.arrivals.length === 1) this.#advance(line)
    if (line.arrivals.length > 0) this.#parts.onWait()
  }

  /** Gives the memory that there is to those that wait for it, in turn. */
  shareMemory(): void {
    for (const line of this.#hungry) {
      if (this.#parts.buffer.isFull) return
      this.#hungry.delete(line)
      // Those that still wait for memory come to the end of the set, and so up again in this very loop.
      this.#advance(line, 1)
    }
  }

  /** When the first record that waits is overdue, monotonic milliseconds; undefined when none waits. */
  deadline(): number | undefined {
    let first: number | undefined
    for (const { arrivals } of this.#lines.values()) {
      const head = arrivals.peek()
      if (head && (first === undefined || head.enqueuedAt < first)) first = head.enqueuedAt
    }
    return first === undefined ? undefined : first + this.#parts.config.deliveryTimeout
  }

  /** Fails what has waited for `deliveryTimeout`. */
  expire(now: number): void {
    const { deliveryTimeout } = this.#parts.config
    for (const line of this.#lines.values()) {
      const head = line.arrivals.peek()
      if (!head || now < head.enqueuedAt + deliveryTimeout) continue
      const error = this.#overdue(line)
      this.#refuseWhile(line, ({ enqueuedAt }) => now >= enqueuedAt + deliveryTimeout, error)
      this.#endIfEmpty(line)
    }
  }

  /** Fails everything that waits. */
  failAll(error: unknown): void {
    for (const line of this.#lines.values()) {
      this.#refuseWhile(line, () => true, error)
      this.#endIfEmpty(line)
    }
  }

  /** Lets the head and those behind it in, `count` of them at most, as far as nothing is missing. */
  #advance(line: Line, count = Number.POSITIVE_INFINITY): void {
    const { topics, buffer } = this.#parts
    let entered = 0
    for (let head = line.arrivals.peek(); head; head = line.arrivals.peek()) {
      if (line.isLookingUp) return
      const topic = topics.get(line.topic)
      if (topic && hasPartition(topic, head.record)) {
        if (buffer.isFull || entered === count) return void this.#hungry.add(line)
        entered++
        const { record, delivery, index, enqueuedAt, wave } = this.#shift(line)
        this.#enter(topic, record, delivery, index, enqueuedAt, wave)
      } else if (line.judged === 0) {
        return this.#lookUp(line)
      } else {
        const { record, delivery, index, wave } = this.#shift(line)
        this.#refuse(record, delivery, index, wave, noSuchPartition(line.topic, topic, record))
      }
    }
    this.#endIfEmpty(line)
  }

  #enter(
    topic: KnownTopic,
    record: OutgoingRecord,
    delivery: Delivery,
    index: number,
    enqueuedAt: number,
    wave: Wave,
  ): void {
    const { topics, buffer } = this.#parts
    try {
      const queue = topics.choose(topic, record)
      if (!queue) throw noSuchPartition(topic.name, topic, record)
      const { filled } = queue
      buffer.resize(queue.append(record, delivery, index, enqueuedAt, wave))
      if (queue.filled > filled && record.partition === undefined && record.key === null)
        topics.moveSticky(topic)
      this.#parts.onEntry(queue)
    } catch (error) {
      this.#refuse(record, delivery, index, wave, error)
    }
  }

  /** Records that come in one go came at one time: looking at the clock takes a good part of what a record takes. */
  #beginGo(): number {
    queueMicrotask(() => {
      this.#goAt = undefined
    })
    return this.#now()
  }

  #lookUp(line: Line): void {
    const { cluster, config, topics } = this.#parts
    // What is known of it lacks the partition that the head asks for.
    if (topics.get(line.topic)) cluster.invalidateTopic(line.topic)
    const startedAt = this.#now()
    const timeoutMs = Math.min(config.deliveryTimeout, cluster.config.timeout)
    line.isLookingUp = true
    cluster.ensureTopic(line.topic, { timeoutMs }).then(
      (info) => {
        line.isLookingUp = false
        topics.learn(info)
        line.judged = line.arrivals.length
        this.#advance(line)
      },
      (error: unknown) => {
        line.isLookingUp = false
        const isPassing = error instanceof KafkaError && error.retriable && !cluster.closed.aborted
        // Those that had little of a look-up that failed, or of one with less time than theirs, get another.
        const now = this.#now()
        const since = error instanceof TimeoutError ? now - timeoutMs / 2 : (startedAt + now) / 2
        this.#refuseWhile(line, ({ enqueuedAt }) => !isPassing || enqueuedAt <= since, error)
        this.#advance(line)
      },
    )
  }

  #refuseWhile(line: Line, matches: (arrival: Arrival) => boolean, error: unknown): void {
    for (let head = line.arrivals.peek(); head && matches(head); head = line.arrivals.peek()) {
      const { record, delivery, index, wave } = this.#shift(line)
      this.#refuse(record, delivery, index, wave, error)
    }
  }

  #refuse(
    record: OutgoingRecord,
    delivery: Delivery,
    index: number,
    wave: Wave,
    error: unknown,
  ): void {
    this.#parts.buffer.settle(wave, 1)
    this.#parts.cluster.metrics.sendFailures.at(record.topic, errorLabel(error)).value++
    delivery.failed(index, error)
  }

  #shift(line: Line): Arrival {
    if (line.judged > 0) line.judged--
    return line.arrivals.shift()!
  }

  /** One that is looking something up stays: who comes meanwhile shares the look-up. */
  #endIfEmpty(line: Line): void {
    if (line.arrivals.length > 0 || line.isLookingUp) return
    this.#lines.delete(line.topic)
    this.#hungry.delete(line)
  }

  #overdue(line: Line): TimeoutError {
    const { bufferMemory, deliveryTimeout } = this.#parts.config
    return this.#hungry.has(line)
      ? new TimeoutError(
          `The producer's buffer stayed full (bufferMemory: ${bufferMemory} bytes) for ${deliveryTimeout} ms; the broker is slower than the sender`,
          { code: 'BUFFER_FULL', retriable: true },
        )
      : new TimeoutError(
          `The record could not be sent within deliveryTimeout (${deliveryTimeout} ms): topic '${line.topic}' was still being looked up. Is the broker reachable?`,
          { code: 'REQUEST_TIMED_OUT', retriable: true },
        )
  }

  #now(): number {
    return this.#parts.cluster.runtime.monotonicNow()
  }
}

/** False when the record names a partition that is not known. */
function hasPartition({ queues }: KnownTopic, { partition }: OutgoingRecord): boolean {
  return partition === undefined || partition < queues.length
}

function noSuchPartition(
  name: string,
  topic: KnownTopic | undefined,
  record: OutgoingRecord,
): KafkaError {
  const count = topic?.queues.length ?? 0
  return new PartitionNotFoundError(
    `Topic '${name}' has ${count === 1 ? 'one partition, number 0' : `${count} partitions, numbered from 0`}; partition ${record.partition ?? 'chosen by the partitioner'} does not exist`,
    { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
  )
}
