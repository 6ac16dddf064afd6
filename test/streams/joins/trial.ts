/**
 * An application without a broker: its topology's tasks, one partition each, fed by hand. Commits, aborts and restarts from the
 * changelogs, as whoever runs tasks does.
 */
import { encodeUtf8 } from '../../../src/core/bytes.ts'
import { Draft } from '../../../src/streams/dsl/draft.ts'
import { StreamBuilder } from '../../../src/streams/dsl/stream-builder.ts'
import type { DropReason, Output } from '../../../src/streams/operator.ts'
import type { KeyValueStore } from '../../../src/streams/stores/key-value-store.ts'
import { openStore } from '../../../src/streams/stores/open-store.ts'
import { changesOf, type Store } from '../../../src/streams/stores/store.ts'
import type { RecordData } from '../../../src/streams/task/record-data.ts'
import { Task } from '../../../src/streams/task/task.ts'
import { Undo } from '../../../src/streams/task/undo.ts'
import { Topology } from '../../../src/streams/topology/topology.ts'

export interface Written {
  readonly topic: string
  readonly key: string | null
  /** Parsed. */
  readonly value: unknown
  readonly timestamp: number
}

interface Logged {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly timestampMs: number
}

export class Trial {
  readonly topology: Topology
  readonly written: Written[] = []
  readonly dropped: DropReason[] = []
  compared = 0
  readonly globalStores = new Map<string, Store>()
  /** What is written to such topics of the application's is not read yet: see `release`. */
  holds: (topic: string) => boolean = () => false
  #held: Output[] = []
  #tasks: Task[]
  readonly #changelogs = new Map<string, Logged[]>()
  readonly #times = new Map<string, number>()
  #offset = 0n

  constructor(build: (builder: StreamBuilder) => void) {
    const draft = new Draft({ config: { app: 'trial' } as never, ended: () => undefined })
    build(new StreamBuilder(draft))
    this.topology = new Topology('trial', draft.operators)
    for (const source of this.topology.globals) {
      const spec = this.topology.storeOf(source)
      this.globalStores.set(spec.name, openStore(spec, new Undo()))
    }
    this.#tasks = this.#newTasks()
  }

  get tasks(): readonly Task[] {
    return this.#tasks
  }

  store<S extends Store>(name: string): S {
    return this.#tasks.flatMap(({ stores }) => [...stores]).find(([of]) => of === name)![1] as S
  }

  /** One record, and all that comes of it. Values are JSON, undefined `value` is a null. Returns what was written meanwhile. */
  async send(
    topic: string,
    key: string | null,
    value: unknown,
    timestamp: number,
  ): Promise<Written[]> {
    const before = this.written.length
    const text = value === null || value === undefined ? null : JSON.stringify(value)
    await this.#process(topic, dataOf(key, text, timestamp))
    return this.written.slice(before)
  }

  /** Reads what was held. */
  async release(): Promise<void> {
    const held = this.#held
    this.#held = []
    this.holds = () => false
    for (const output of held) await this.#deliver(output)
  }

  /** What has changed goes to the changelogs. */
  commit(): void {
    for (const task of this.#tasks) {
      for (const [name, store] of task.stores) {
        const log = this.#changelogs.get(name) ?? []
        for (const { key, value, timestampMs } of changesOf(store)) {
          log.push({ key: bytesOf(key)!, value: bytesOf(value), timestampMs })
        }
        this.#changelogs.set(name, log)
      }
      task.commit()
      for (const [name, time] of task.times) this.#times.set(name, time.committed)
    }
  }

  abort(): void {
    for (const task of this.#tasks) task.abort()
  }

  /** New tasks, as they were at the last commit. */
  restart(): void {
    this.#tasks = this.#newTasks()
    for (const task of this.#tasks) {
      for (const [name, store] of task.stores) {
        for (const { key, value, timestampMs } of this.#changelogs.get(name) ?? []) {
          store.restore(key, value, timestampMs)
        }
      }
      for (const [name, time] of task.times) time.restore(this.#times.get(name) ?? -1)
    }
  }

  async #process(topic: string, data: RecordData): Promise<void> {
    const outputs: Output[] = []
    for (const task of this.#tasks) {
      if (!task.subTopology.sources.some((source) => source.topic === topic)) continue
      this.#collect = outputs
      const { partition } = task
      await task.process({ topic, partition, offset: this.#offset++ }, data)
    }
    for (const source of this.topology.globals) {
      if (source.topic === topic) this.#fill(source, data)
    }
    for (const output of outputs) await this.#deliver(output)
  }

  async #deliver(output: Output): Promise<void> {
    const { topic, key, value, timestampMs } = output
    if (this.holds(topic)) {
      this.#held.push(output)
    } else if (topic.endsWith('-repartition')) {
      await this.#process(topic, dataOf(key, value, timestampMs))
    } else {
      const text = value === null ? null : new TextDecoder().decode(bytesOf(value)!)
      const keyText = key === null ? null : new TextDecoder().decode(bytesOf(key)!)
      const parsed: unknown = text === null ? null : JSON.parse(text)
      this.written.push({ topic, key: keyText, value: parsed, timestamp: timestampMs })
    }
  }

  #collect: Output[] = []

  #fill(source: Topology['globals'][number], data: RecordData): void {
    const store = this.globalStores.get(this.topology.storeOf(source).name) as KeyValueStore
    const key = data.keyText()
    const text = data.valueText()
    store.put(key, text === null ? null : JSON.parse(text), data.timestampMs)
  }

  #newTasks(): Task[] {
    return this.topology.subTopologies.map(
      (subTopology) =>
        new Task({
          topology: this.topology,
          subTopology,
          partition: 0,
          onError: () => ({ retry: undefined, finally: 'stop', deadLetter: undefined }),
          globalStores: this.globalStores,
          events: {
            emit: (output) => this.#collect.push(output),
            dropped: (_operator, reason) => {
              this.dropped.push(reason)
            },
            failed: () => undefined,
            compared: (_operator, pairs) => {
              this.compared += pairs
            },
            now: () => 0,
          },
        }),
    )
  }
}

function bytesOf(data: string | Uint8Array | null): Uint8Array | null {
  return typeof data === 'string' ? encodeUtf8(data) : data
}

function dataOf(
  key: string | Uint8Array | null,
  value: string | Uint8Array | null,
  timestampMs: number,
): RecordData {
  const text = (data: string | Uint8Array | null) =>
    data instanceof Uint8Array ? new TextDecoder().decode(data) : data
  return {
    timestampMs,
    hasHeaders: false,
    keyBytes: () => bytesOf(key),
    keyText: () => text(key),
    valueBytes: () => bytesOf(value),
    valueText: () => text(value),
    headers: () => [],
  }
}
