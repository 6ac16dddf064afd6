/**
 * The engine of streams without a broker: topics are lists, and there is no group. Records are processed one after the other;
 * those that the topology writes for itself come before the next that a test sends.
 *
 * Everything that was done since the last commit is gone with a restart: then what was sent since is processed again.
 */
import { defaultPartitioner } from '../../client/producer/partitioner.ts'
import type { DropReason, Output } from '../../streams/operator.ts'
import type { Store } from '../../streams/stores/store.ts'
import type { StreamErrorPolicy } from '../../streams/task/stream-error-policy.ts'
import { Task } from '../../streams/task/task.ts'
import type { TaskEvents } from '../../streams/task/task-events.ts'
import { repartitionPartitions } from '../../streams/topology/copartitioning.ts'
import type { Topology } from '../../streams/topology/topology.ts'
import { Changelogs } from './changelogs.ts'
import { GlobalTables } from './global-tables.ts'
import { TestRecord, type Written } from './test-record.ts'

/** What the topology has written to a topic. */
interface OutputTopic {
  readonly records: TestRecord[]
  /** How many a crash leaves. */
  committed: number
  /** How many were read. */
  read: number
}

/** A task with what waits for it. */
interface Worker {
  readonly task: Task
  /** By topic, in the order in which the sub-topology has them. */
  readonly queues: ReadonlyMap<string, TestRecord[]>
  /** When its last record came, by the driver's clock. */
  lastMs: number
  /** The record that is being processed, while it takes its time. */
  current: TestRecord | undefined
  /** Of which callbacks were called that have concurrency. */
  readonly started: WeakSet<TestRecord>
}

/** Whose turn it is, and the queue that its record is in. */
interface Next {
  readonly worker: Worker
  readonly queue: TestRecord[]
}

export interface TestEngineOptions {
  readonly topology: Topology
  readonly onError: StreamErrorPolicy
  readonly partitionsOf: (topic: string) => number
  readonly now: () => number
}

export class TestEngine {
  readonly topology: Topology
  readonly globals: GlobalTables
  readonly late: { [operator: string]: number } = {}
  readonly skipped: { [reason: string]: number } = {}
  recordsIn = 0
  recordsOut = 0
  deadLetters = 0
  commits = 0
  readonly #onError: StreamErrorPolicy
  readonly #now: () => number
  readonly #partitionsOf: (topic: string) => number
  readonly #counts: ReadonlyMap<string, number>
  readonly #offsets = new Map<string, bigint>()
  readonly #outputs = new Map<string, OutputTopic>()
  readonly #changelogs = new Changelogs()
  #workers: readonly Worker[]
  /** What was sent since the last commit. */
  #sent: TestRecord[] = []
  /** What was sent while something else takes its time. */
  readonly #coming: TestRecord[] = []

  /** Throws `ConfigError` where topics that are read together have not equally many partitions. */
  constructor({ topology, onError, partitionsOf, now }: TestEngineOptions) {
    this.topology = topology
    this.#onError = onError
    this.#now = now
    this.#partitionsOf = partitionsOf
    this.#counts = partitionCounts(topology, partitionsOf)
    this.globals = new GlobalTables(topology, onError)
    this.#workers = this.#start()
  }

  get tasks(): readonly Task[] {
    return this.#workers.map(({ task }) => task)
  }

  partitionCount(topic: string): number {
    return this.#counts.get(topic) ?? this.#partitionsOf(topic)
  }

  /** One for each partition; empty when there is none of that name. */
  stores(name: string): readonly Store[] {
    const global = this.globals.stores.get(name)
    if (global) return [global]
    return this.tasks.flatMap((task) => task.stores.get(name) ?? [])
  }

  /** A record of a test's, at the end of its topic. Another may be at work: then what has concurrency begins with it. */
  append(topic: string, partition: number | undefined, written: Written): TestRecord {
    const record = this.#append(topic, partition, written)
    this.#coming.push(record)
    for (const worker of this.#workers) {
      if (worker.current?.topic === topic) this.#startAhead(worker, worker.current)
    }
    return record
  }

  /** It is not to be processed. */
  withdraw(record: TestRecord): void {
    const at = this.#coming.indexOf(record)
    if (at >= 0) this.#coming.splice(at, 1)
  }

  /** Processes a record that was appended, and all that comes of it. */
  process(record: TestRecord): void | Promise<void> {
    this.withdraw(record)
    this.#sent.push(record)
    this.#deliver(record)
    return this.#drain()
  }

  /** Runs what is due by the wall clock, and all that comes of it. */
  punctuate(nowMs: number): void | Promise<void> {
    return inOrder(
      this.#workers.flatMap(({ task, lastMs }) => [
        () => task.punctuate(nowMs),
        () => this.#drain(),
        () => task.idle(nowMs - lastMs),
        () => this.#drain(),
      ]),
    )
  }

  /** When something is next to be done by the wall clock; infinite when nothing is. */
  get nextPunctuationMs(): number {
    return Math.min(...this.tasks.map((task) => task.nextPunctuationMs))
  }

  /** What has been done so far is kept. */
  commit(): void {
    for (const task of this.tasks) this.#changelogs.commit(task)
    for (const topic of this.#outputs.values()) topic.committed = topic.records.length
    this.#sent = []
    this.commits++
  }

  /** As after a crash: new tasks, as they were at the last commit; then what was sent since. */
  restart(): void | Promise<void> {
    for (const topic of this.#outputs.values()) topic.records.length = topic.committed
    this.#workers = this.#start()
    for (const { task } of this.#workers) this.#changelogs.restore(task)
    const sent = this.#sent
    return inOrder(
      sent.map((record) => () => {
        this.#deliver(record)
        return this.#drain()
      }),
    )
  }

  /** Records of a topic that have not been read yet. */
  read(topic: string): readonly TestRecord[] {
    const output = this.#outputs.get(topic)
    if (!output) return []
    // After a restart there may be fewer than were read: they come again, and are the same.
    const from = output.read
    output.read = Math.max(from, output.records.length)
    return output.records.slice(from)
  }

  #start(): Worker[] {
    const workers: Worker[] = []
    const events = this.#events(() => this.#workers === workers)
    for (const subTopology of this.topology.subTopologies) {
      const { sources } = subTopology
      const own = sources.filter(({ isBroadcast }) => !isBroadcast)
      const count = Math.max(...own.map(({ topic }) => this.#counts.get(topic)!))
      for (let partition = 0; partition < count; partition++) {
        const task = new Task({
          topology: this.topology,
          subTopology,
          partition,
          onError: this.#onError,
          events,
          globalStores: this.globals.stores,
        })
        workers.push({
          task,
          queues: new Map(sources.map(({ topic }) => [topic, []])),
          lastMs: this.#now(),
          current: undefined,
          started: new WeakSet(),
        })
      }
    }
    return workers
  }

  /** A callback may still be at work for tasks that are gone. */
  #events(isCurrent: () => boolean): TaskEvents {
    return {
      emit: (output) => {
        if (isCurrent()) this.#write(output)
      },
      dropped: (operator, reason) => this.#dropped(operator, reason),
      failed: (_error, action) => {
        if (action === 'deadLetter') this.deadLetters++
        if (action === 'skip') this.#skipped('failed')
      },
      now: this.#now,
    }
  }

  #write(output: Output): void {
    const { topic, partition } = output
    const topicOut = this.#outputOf(topic)
    const chosen =
      partition ??
      defaultPartitioner({
        topic,
        key: output.partitionKey ?? output.key,
        partitionCount: this.partitionCount(topic),
        sticky: topicOut.records.length % this.partitionCount(topic),
      })
    const record = this.#append(topic, chosen, output)
    topicOut.records.push(record)
    this.recordsOut++
    this.#deliver(record)
  }

  #append(topic: string, partition: number | undefined, written: Written): TestRecord {
    const partitionCount = this.partitionCount(topic)
    const chosen =
      partition ??
      defaultPartitioner({
        topic,
        key: written.partitionKey ?? written.key,
        partitionCount,
        sticky: 0,
      })
    const place = `${topic}-${chosen}`
    const offset = this.#offsets.get(place) ?? 0n
    this.#offsets.set(place, offset + 1n)
    return new TestRecord(topic, chosen, offset, written)
  }

  /** To whoever reads its topic. */
  #deliver(record: TestRecord): void {
    const { topic } = record
    const passedOver = this.globals.put(record)
    if (passedOver) this.#skipped(passedOver)
    for (const worker of this.#workers) {
      if (!reads(worker, record)) continue
      worker.queues.get(topic)!.push(record)
      worker.lastMs = this.#now()
    }
  }

  #drain(): void | Promise<void> {
    for (let worker = this.#next(); worker; worker = this.#next()) {
      const waiting = this.#process(worker)
      if (waiting) return this.#drainAfter(waiting)
    }
  }

  async #drainAfter(waiting: Promise<void>): Promise<void> {
    const workers = this.#workers
    await waiting
    while (workers === this.#workers) {
      const worker = this.#next()
      if (!worker) return
      await this.#process(worker)
    }
  }

  /** Whose first record is the earliest; of several, the first in the order of the topology. */
  #next(): Next | undefined {
    let next: Next | undefined
    for (const worker of this.#workers) {
      for (const queue of worker.queues.values()) {
        const [first] = queue
        if (first && !(next && next.queue[0]!.timestampMs <= first.timestampMs)) {
          next = { worker, queue }
        }
      }
    }
    return next
  }

  #process({ worker, queue }: Next): void | Promise<void> {
    const record = queue.shift()!
    this.recordsIn++
    this.#startAhead(worker, record)
    const waiting = worker.task.process(record, record)
    if (!waiting) return
    worker.current = record
    return waiting.finally(() => {
      worker.current = undefined
    })
  }

  /** Calls what has concurrency for the record whose turn it is and for those behind it. */
  #startAhead(worker: Worker, record: TestRecord): void {
    const { task, queues, started } = worker
    const { topic } = record
    const most = task.recordsAhead(topic)
    if (most === 1) return
    const coming = this.#coming.filter((one) => one.topic === topic && reads(worker, one))
    for (const one of [record, ...queues.get(topic)!, ...coming].slice(0, most)) {
      if (started.has(one)) continue
      started.add(one)
      task.startAhead(one, one)
    }
  }

  #dropped(operator: string, reason: DropReason): void {
    if (reason === 'late') this.late[operator] = (this.late[operator] ?? 0) + 1
    else this.#skipped(reason)
  }

  #skipped(reason: string): void {
    this.skipped[reason] = (this.skipped[reason] ?? 0) + 1
  }

  #outputOf(topic: string): OutputTopic {
    let output = this.#outputs.get(topic)
    if (!output) {
      output = { records: [], committed: 0, read: 0 }
      this.#outputs.set(topic, output)
    }
    return output
  }
}

/** Of all topics that are read. Throws `ConfigError` where some must have equally many, and have not. */
function partitionCounts(
  topology: Topology,
  partitionsOf: (topic: string) => number,
): ReadonlyMap<string, number> {
  const sources = topology.subTopologies.flatMap((one) => one.sources)
  const given = sources.filter(({ isInternal }) => !isInternal).map(({ topic }) => topic)
  const users = new Map(given.map((topic) => [topic, partitionsOf(topic)]))
  return new Map([...users, ...repartitionPartitions(topology, users)])
}

function reads(worker: Worker, { topic, partition }: TestRecord): boolean {
  if (!worker.queues.has(topic)) return false
  return worker.task.partition === partition || isBroadcast(worker, topic)
}

/** Each task reads all of it. */
function isBroadcast({ task }: Worker, topic: string): boolean {
  return task.subTopology.sources.some((one) => one.topic === topic && one.isBroadcast)
}

/** One after the other; waits only where it has to. */
function inOrder(steps: readonly (() => void | Promise<void>)[]): void | Promise<void> {
  for (let i = 0; i < steps.length; i++) {
    const waiting = steps[i]!()
    if (waiting) {
      return waiting.then(async () => {
        for (const step of steps.slice(i + 1)) await step()
      })
    }
  }
}
