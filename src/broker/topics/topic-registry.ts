/**
 * The topics of this broker: their ids, settings and partitions. Reading is from memory; changes go through one queue,
 * one at a time, and are durable before they are visible.
 *
 * Creation: 1. the folders of the partitions, empty; 2. the record in the metadata log: the commit point. A crash
 * before 2 leaves empty folders, which the next start removes. Deletion: 1. the record says `deleting`: gone for
 * clients; 2. the folders, first of all, for the disk may be full; 3. what others remember of it; 4. the record. A crash
 * before 4 is finished at the next start, and a failure is tried again.
 */
import { KafkaError, TopicNotFoundError } from '../../core/errors.ts'
import type { Runtime, Timer } from '../../core/runtime.ts'
import { uuidFromHex } from '../../protocol/uuid.ts'
import type { BrokerConfig } from '../config.ts'
import { levelOf } from '../log/disk-reserve.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { MetadataLog, TopicRecord } from './metadata-log.ts'
import { checkOverrides, type TopicOverrides, toLogConfig } from './topic-configs.ts'
import type { TopicFolders } from './topic-folders.ts'
import { collisionKey, faultOfTopicName, isInternalTopic } from './topic-name.ts'

/** A topic as it stands; replaced as a whole when it changes. */
export interface Topic {
  readonly name: string
  readonly id: string
  readonly isInternal: boolean
  /** By partition number. */
  readonly partitions: readonly PartitionLog[]
  readonly overrides: TopicOverrides
}

export interface NewTopic {
  readonly name: string
  /** Default: the broker's `defaultPartitions`. */
  readonly partitions?: number
  readonly overrides?: TopicOverrides
}

/** What a new topic will be; also the answer to a request that only validates. */
export interface TopicPlan {
  readonly name: string
  readonly partitions: number
  readonly overrides: TopicOverrides
}

export interface TopicRegistryOptions {
  readonly folders: TopicFolders
  readonly metadata: MetadataLog
  readonly config: BrokerConfig
  readonly runtime: Runtime
}

/** Between attempts to finish a deletion. */
const retryMsMin = 1000
const retryMsMax = 60_000

export class TopicRegistry {
  readonly #folders: TopicFolders
  readonly #metadata: MetadataLog
  readonly #config: BrokerConfig
  readonly #runtime: Runtime
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()
  readonly #deleteListeners = new Set<(name: string) => Promise<void>>()
  #lastChange: Promise<unknown> = Promise.resolve()
  /** Deletions that are to be finished yet. */
  readonly #remembered = new Set<string>()
  readonly #retries = new Map<string, Timer>()
  #isClosed = false

  constructor(options: TopicRegistryOptions, topics: Iterable<Topic>) {
    this.#folders = options.folders
    this.#metadata = options.metadata
    this.#config = options.config
    this.#runtime = options.runtime
    for (const topic of topics) this.#publish(topic)
  }

  byName(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  byId(id: string): Topic | undefined {
    return this.#byId.get(id)
  }

  all(): Topic[] {
    return [...this.#byName.values()]
  }

  /**
   * `listener` runs when clients can no longer see the topic, before its name is free again. When it fails, it runs
   * again before the name is used again.
   */
  onDelete(listener: (name: string) => Promise<void>): void {
    this.#deleteListeners.add(listener)
  }

  /**
   * What `create` would do. Throws `KafkaError`: INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS,
   * INVALID_CONFIG.
   */
  plan(wanted: NewTopic): TopicPlan {
    const { name } = wanted
    const fault = faultOfTopicName(name)
    if (fault)
      throw new KafkaError(`Topic name '${name.slice(0, 260)}' ${fault}`, {
        code: 'INVALID_TOPIC_EXCEPTION',
      })
    if (this.#byName.has(name)) {
      throw new KafkaError(`Topic '${name}' already exists`, { code: 'TOPIC_ALREADY_EXISTS' })
    }
    const clash = this.#clashing(name)
    if (clash !== undefined) {
      throw new KafkaError(
        `Topic name '${name}' differs from that of topic '${clash}' only in '.' and '_'`,
        {
          code: 'INVALID_TOPIC_EXCEPTION',
        },
      )
    }
    const partitions = wanted.partitions ?? this.#config.defaultPartitions
    this.#checkPartitions(partitions, 1)
    return { name, partitions, overrides: checkOverrides(wanted.overrides ?? []) }
  }

  /** Resolves when the topic is durable. Throws what `plan` throws, and `StorageError`. */
  create(wanted: NewTopic): Promise<Topic> {
    return this.#inTurn(async () => {
      const plan = this.plan(wanted)
      await this.#finishDeletion(plan.name)
      const partitions = await this.#createLogs(plan.name, 0, plan.partitions, plan.overrides)
      const record: TopicRecord = {
        id: this.#newId(),
        partitions: plan.partitions,
        configs: plan.overrides,
        state: 'live',
      }
      await this.#commit(plan.name, record, partitions)
      return this.#publish(toTopic(plan.name, record, partitions))
    })
  }

  /** The topic of that name, created when there is none. */
  async ensure(name: string): Promise<Topic> {
    const known = this.#byName.get(name)
    if (known) return known
    try {
      return await this.create({ name })
    } catch (error) {
      const created = this.#byName.get(name)
      if (created) return created
      throw error
    }
  }

  /** Resolves when the topic and its data are gone for good. Throws `TopicNotFoundError`, `StorageError`. */
  delete(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const topic = this.#existing(name)
      const record = this.#metadata.topics.get(name)!
      await this.#metadata.saveTopic(name, { ...record, state: 'deleting' })
      this.#byName.delete(name)
      this.#byId.delete(topic.id)
      await this.#finishDeletion(name).catch((error: unknown) => {
        // The topic is gone for clients.
        this.#runtime.logger[levelOf(error, 'error')](
          { err: error, topic: name },
          'a deleted topic is not fully removed yet; this will be retried',
        )
        this.#finishLater(name, retryMsMin)
      })
    })
  }

  /** Raises the number of partitions to `count`. Throws INVALID_PARTITIONS, `TopicNotFoundError`, `StorageError`. */
  addPartitions(
    name: string,
    count: number,
    options: { validateOnly?: boolean } = {},
  ): Promise<void> {
    return this.#inTurn(async () => {
      const topic = this.#existing(name)
      const present = topic.partitions.length
      if (count <= present) {
        throw new KafkaError(
          `Topic '${name}' has ${present} partition${present === 1 ? '' : 's'}; the new number must be higher, got ${count}`,
          {
            code: 'INVALID_PARTITIONS',
          },
        )
      }
      this.#checkPartitions(count, present + 1)
      if (options.validateOnly) return
      const added = await this.#createLogs(name, present, count, topic.overrides)
      const record: TopicRecord = { ...this.#metadata.topics.get(name)!, partitions: count }
      await this.#commit(name, record, added)
      this.#publish(toTopic(name, record, [...topic.partitions, ...added]))
    })
  }

  /** Replaces a topic's own settings by what `change` makes of them. Throws INVALID_CONFIG, `TopicNotFoundError`. */
  alterConfigs(
    name: string,
    change: (current: TopicOverrides) => Iterable<readonly [string, string | null]>,
    options: { validateOnly?: boolean } = {},
  ): Promise<void> {
    return this.#inTurn(async () => {
      const topic = this.#existing(name)
      const configs = checkOverrides(change(topic.overrides))
      if (options.validateOnly) return
      const record: TopicRecord = { ...this.#metadata.topics.get(name)!, configs }
      await this.#metadata.saveTopic(name, record)
      const logConfig = toLogConfig(configs, this.#config)
      for (const log of topic.partitions) log.updateConfig(logConfig)
      this.#publish(toTopic(name, record, topic.partitions))
    })
  }

  /** A topic that is gone, of which others still have something: they are told before its name is used again. */
  isRemembered(name: string): void {
    this.#remembered.add(name)
  }

  /** Goes on with the deletions that a start on a full disk has left. */
  resumeDeletions(): void {
    const deleting = [...this.#metadata.topics].filter(([, { state }]) => state === 'deleting')
    for (const name of [...deleting.map(([name]) => name), ...this.#remembered])
      this.#finishLater(name, retryMsMin)
  }

  /** Resolves when the changes that were asked for so far are done or have failed. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#retries.values()) timer.cancel()
    await this.#lastChange
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#lastChange.then(change)
    this.#lastChange = done.catch(() => undefined)
    return done
  }

  #publish(topic: Topic): Topic {
    this.#byName.set(topic.name, topic)
    this.#byId.set(topic.id, topic)
    return topic
  }

  #existing(name: string): Topic {
    const topic = this.#byName.get(name)
    if (topic) return topic
    throw new TopicNotFoundError(`Topic '${name.slice(0, 260)}' does not exist`, {
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
  }

  #clashing(name: string): string | undefined {
    if (!/[._]/.test(name)) return undefined
    const key = collisionKey(name)
    return this.all().find((topic) => collisionKey(topic.name) === key)?.name
  }

  #checkPartitions(count: number, min: number): void {
    const max = this.#config.maxPartitionsPerTopic
    if (count >= min && count <= max) return
    throw new KafkaError(
      `The number of partitions must be from ${min} to ${max} (maxPartitionsPerTopic); got ${count}`,
      {
        code: 'INVALID_PARTITIONS',
      },
    )
  }

  async #createLogs(
    name: string,
    from: number,
    to: number,
    overrides: TopicOverrides,
  ): Promise<PartitionLog[]> {
    try {
      return await this.#folders.open(name, from, to, toLogConfig(overrides, this.#config))
    } catch (error) {
      await this.#removeEmpty(name, from)
      throw error
    }
  }

  async #commit(
    name: string,
    record: TopicRecord,
    created: readonly PartitionLog[],
  ): Promise<void> {
    try {
      await this.#metadata.saveTopic(name, record)
    } catch (error) {
      await this.#removeEmpty(name, created[0]!.partition)
      throw error
    }
  }

  /** After a creation that failed. What stays behind is empty, and removed at the next start. */
  async #removeEmpty(name: string, from: number): Promise<void> {
    try {
      await this.#folders.remove(
        this.#folders.list().filter(({ topic, partition }) => topic === name && partition >= from),
      )
    } catch (error) {
      this.#runtime.logger.warn(
        { err: error, topic: name },
        'empty partition folders could not be removed',
      )
    }
  }

  /** Removes what is left of a topic in state `deleting`. */
  async #finishDeletion(name: string): Promise<void> {
    const isDeleting = this.#metadata.topics.get(name)?.state === 'deleting'
    if (!isDeleting && !this.#remembered.has(name)) return
    if (isDeleting) await this.#folders.removeTopic(name)
    for (const listener of this.#deleteListeners) await listener(name)
    this.#remembered.delete(name)
    if (isDeleting) await this.#metadata.removeTopic(name)
  }

  /** Tries again, less and less often, what is left of a deletion: until it is done, or the name is used again. */
  #finishLater(name: string, delayMs: number): void {
    if (this.#isClosed) return
    this.#retries.get(name)?.cancel()
    const attempt = () => {
      this.#inTurn(() => this.#finishDeletion(name)).then(
        () => this.#retries.delete(name),
        () => this.#finishLater(name, Math.min(delayMs * 2, retryMsMax)),
      )
    }
    this.#retries.set(name, this.#runtime.setTimer(delayMs, attempt, { background: true }))
  }

  /** Kafka's tools take a leading '-' for an option, so no id starts with one. */
  #newId(): string {
    for (;;) {
      const id = uuidFromHex(this.#runtime.uuid())
      if (!id.startsWith('-') && !this.#byId.has(id)) return id
    }
  }
}

export function toTopic(
  name: string,
  record: TopicRecord,
  partitions: readonly PartitionLog[],
): Topic {
  return Object.freeze({
    name,
    id: record.id,
    isInternal: isInternalTopic(name),
    partitions,
    overrides: record.configs,
  })
}
