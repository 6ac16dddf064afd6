/**
 * A topology at work without a broker, for tests of the engine: one task for each sub-topology, repartitions handed on in
 * memory, commits to changelogs in memory. Can abort, and can end and begin anew with what was committed.
 */

import type { RawHeaders } from '../../src/client/consumer/record-headers.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/core/bytes.ts'
import { Draft } from '../../src/streams/dsl/draft.ts'
import { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import type { DropReason, Output } from '../../src/streams/operator.ts'
import { changesOf } from '../../src/streams/stores/store.ts'
import type { StreamRecord } from '../../src/streams/stream-record.ts'
import type { ResolvedStreamsConfig } from '../../src/streams/streams-config.ts'
import type { RecordData } from '../../src/streams/task/record-data.ts'
import type { StreamErrorPolicy } from '../../src/streams/task/stream-error-policy.ts'
import { Task } from '../../src/streams/task/task.ts'
import { Topology } from '../../src/streams/topology/topology.ts'

export interface Input {
  readonly topic?: string
  readonly key: string | null
  readonly value: unknown
  readonly timestamp: number
  readonly headers?: RawHeaders
}

export interface Dropped {
  readonly reason: DropReason
  readonly record: StreamRecord
}

const stops: StreamErrorPolicy = () => ({
  retry: undefined,
  finally: 'stop',
  deadLetter: undefined,
})

/** A stream application that is written down, and what it wants to read. */
export function topologyOf(write: (builder: StreamBuilder) => void): Topology {
  const draft = new Draft({ config: {} as ResolvedStreamsConfig, ended: () => undefined })
  write(new StreamBuilder(draft))
  return new Topology('app', draft.operators)
}

export class OneProcess {
  readonly topology: Topology
  readonly outputs: Output[] = []
  readonly dropped: Dropped[] = []
  readonly failures: Error[] = []
  readonly onError: StreamErrorPolicy
  tasks: Task[] = []
  #committedOutputs = 0
  readonly #changelogs = new Map<string, Map<string, readonly [Uint8Array, Uint8Array, number]>>()
  readonly #times = new Map<string, number>()
  #offset = 0n

  constructor(write: (builder: StreamBuilder) => void, onError = stops) {
    this.topology = topologyOf(write)
    this.onError = onError
    this.#begin()
  }

  /** Waits where a callback does. */
  async send(...inputs: Input[]): Promise<void> {
    for (const input of inputs) await this.process(input)
  }

  process({ topic = 'in', key, value, timestamp, headers = [] }: Input): void | Promise<void> {
    const from = this.outputs.length
    const data = dataOf(
      key === null ? null : encodeUtf8(key),
      value === null ? null : encodeUtf8(JSON.stringify(value)),
      timestamp,
      headers,
    )
    const waiting = this.#process(this.#taskOf(topic)!, topic, data)
    return waiting ? waiting.then(() => this.#handOn(from)) : this.#handOn(from)
  }

  async idle(silentMs: number): Promise<void> {
    for (const task of this.tasks) {
      const from = this.outputs.length
      await task.idle(silentMs)
      this.#handOn(from)
    }
  }

  commit(): void {
    for (const task of this.tasks) {
      for (const [name, store] of task.stores) {
        const log = this.#changelogs.get(name) ?? new Map()
        this.#changelogs.set(name, log)
        for (const { key, value, timestampMs } of changesOf(store)) {
          const bytes = toBytes(key)
          const text = Buffer.from(bytes).toString('hex')
          log.delete(text)
          if (value !== null) log.set(text, [bytes, toBytes(value), timestampMs])
        }
      }
      task.commit()
      for (const [name, time] of task.times) this.#times.set(name, time.committed)
    }
    this.#committedOutputs = this.outputs.length
  }

  abort(): void {
    for (const task of this.tasks) task.abort()
    this.outputs.length = this.#committedOutputs
  }

  /** Another process takes over: it has only what was committed. */
  restart(): void {
    this.outputs.length = this.#committedOutputs
    this.#begin()
  }

  /** Of a store, as it would be read from its topic. */
  changelog(name: string): readonly (readonly [Uint8Array, Uint8Array, number])[] {
    return [...(this.#changelogs.get(name)?.values() ?? [])]
  }

  get times(): ReadonlyMap<string, number> {
    return this.#times
  }

  #begin(): void {
    this.tasks = this.topology.subTopologies.map(
      (subTopology) =>
        new Task({
          topology: this.topology,
          subTopology,
          partition: 0,
          onError: this.onError,
          globalStores: new Map(),
          events: {
            emit: (output) => this.outputs.push(output),
            dropped: (_operator, reason, record) => this.dropped.push({ reason, record }),
            failed: (error) => this.failures.push(error),
            now: () => 0,
          },
        }),
    )
    for (const task of this.tasks) {
      for (const [name, store] of task.stores) {
        for (const [key, value, timestampMs] of this.#changelogs.get(name)?.values() ?? []) {
          store.restore(key, value, timestampMs)
        }
      }
      for (const [name, time] of task.times) {
        const at = this.#times.get(name)
        if (at !== undefined) time.restore(at)
      }
    }
  }

  #taskOf(topic: string): Task | undefined {
    return this.tasks.find(({ subTopology }) =>
      subTopology.sources.some((source) => source.topic === topic),
    )
  }

  /** What goes to topics that are read here is read. */
  #handOn(from: number): void {
    for (let i = from; i < this.outputs.length; ) {
      const { topic, key, value, timestampMs, headers } = this.outputs[i]!
      const task = this.#taskOf(topic)
      if (!task) {
        i++
        continue
      }
      this.outputs.splice(i, 1)
      const data = dataOf(
        key === null ? null : toBytes(key),
        value === null ? null : toBytes(value),
        timestampMs,
        headers,
      )
      this.#process(task, topic, data)
    }
  }

  #process(task: Task, topic: string, data: RecordData): void | Promise<void> {
    return task.process({ topic, partition: task.partition, offset: this.#offset++ }, data)
  }
}

export function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? encodeUtf8(data) : data
}

function dataOf(
  key: Uint8Array | null,
  value: Uint8Array | null,
  timestampMs: number,
  headers: RawHeaders,
): RecordData {
  return {
    timestampMs,
    hasHeaders: headers.length > 0,
    keyBytes: () => key,
    keyText: () => key && decodeUtf8(key),
    valueBytes: () => value,
    valueText: () => value && decodeUtf8(value),
    headers: () => headers,
  }
}
