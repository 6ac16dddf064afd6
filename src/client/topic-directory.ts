/**
 * What the client knows of topics: their partitions and who leads them. Looked up when needed, many in one request, and
 * trusted for `metadataMaxAge`.
 *
 * Invariants: one look-up of a topic is under way at a time, and whoever asks meanwhile shares it; a topic that cannot be
 * looked up keeps no other from its answer.
 */
import type { Connection } from '../connection/connection.ts'
import { backoffDelay, delay } from '../core/backoff.ts'
import { DisconnectedError, KafkaError, TopicNotFoundError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { errorFrom, errorName } from '../protocol/error-codes.ts'
import {
  createMetadataRequest,
  createMetadataRequestTopic,
  type MetadataResponseTopic,
  metadata,
} from '../protocol/messages/generated/metadata.ts'
import type { CallOptions } from './call-options.ts'
import type { ResolvedClientConfig } from './config.ts'

export interface PartitionInfo {
  readonly index: number
  /** -1 while the partition has no leader. */
  readonly leaderId: number
  readonly leaderEpoch: number
}

export interface TopicInfo {
  readonly name: string
  readonly id: string
  /** By partition number. */
  readonly partitions: readonly PartitionInfo[]
}

export interface EnsureOptions extends CallOptions {
  /** Whether topics that are not there are created, where the broker does that. Default true. */
  create?: boolean | undefined
}

interface NewTopic {
  /** When, monotonic milliseconds. */
  readonly at: number
  /** A broker has told of it since. */
  isSeen: boolean
}

interface CachedTopic {
  readonly info: TopicInfo
  readonly fetchedAt: number
}

/** What it stands on: the cluster. */
export interface DirectoryHost {
  readonly connection: Connection
  readonly runtime: Runtime
  readonly config: ResolvedClientConfig
  /** Aborted when the client closes. */
  readonly closed: AbortSignal
  retrying<T>(
    what: string,
    options: CallOptions,
    attempt: (call: CallOptions) => Promise<T>,
  ): Promise<T>
}

/** What came of looking for a topic. */
type Found = { readonly info: TopicInfo } | { readonly error: unknown }

const zeroTopicId = 'AAAAAAAAAAAAAAAAAAAAAA'

/** About 1.5 s. */
const creationTries = 7
/** How long after its creation a broker may say of a topic that it does not exist: it has not heard of it yet. */
const newsMs = 30_000

export class TopicDirectory {
  readonly #cluster: DirectoryHost
  readonly #topics = new Map<string, CachedTopic>()
  /** How many partitions each topic had when it was last seen, also when all else has been forgotten. */
  readonly #counts = new Map<string, number>()
  readonly #running = new Map<string, Promise<Found>>()
  readonly #grownListeners = new Set<(topic: string) => void>()
  /** Topics that the cluster said it has made, of the last `newsMs`. */
  readonly #created = new Map<string, NewTopic>()

  constructor(cluster: DirectoryHost) {
    this.#cluster = cluster
  }

  /** As last seen; undefined when it must be looked up (again). */
  known(name: string): TopicInfo | undefined {
    const cached = this.#topics.get(name)
    if (!cached) return undefined
    const { runtime, config } = this.#cluster
    const age = runtime.monotonicNow() - cached.fetchedAt
    return age < config.metadataMaxAge ? cached.info : undefined
  }

  forget(name: string): void {
    this.#topics.delete(name)
  }

  /** It is there for certain, also where a broker has not heard of it yet. */
  created(name: string): void {
    const now = this.#cluster.runtime.monotonicNow()
    for (const [other, { at }] of this.#created) if (now - at > newsMs) this.#created.delete(other)
    this.#created.set(name, { at: now, isSeen: false })
    this.forget(name)
  }

  /** It is not there any more. */
  deleted(name: string): void {
    this.#created.delete(name)
    this.forget(name)
  }

  leaderOf(topic: string, partition: number): number | undefined {
    const leader = this.#topics.get(topic)?.info.partitions[partition]?.leaderId
    return leader === undefined || leader < 0 ? undefined : leader
  }

  idOf(name: string): string {
    return this.#topics.get(name)?.info.id ?? zeroTopicId
  }

  /** Calls `listener` when a topic is seen to have more partitions than before. Returns what ends that. */
  onGrown(listener: (topic: string) => void): () => void {
    this.#grownListeners.add(listener)
    return () => void this.#grownListeners.delete(listener)
  }

  async ensure(name: string, options: EnsureOptions): Promise<TopicInfo> {
    const known = this.known(name)
    if (known) return known
    const found = await this.#look([name], options)[0]!
    if ('error' in found) throw found.error
    return found.info
  }

  /** By name. Rejects with the first error, once there is an answer for each. */
  async ensureAll(
    names: Iterable<string>,
    { absent = 'refuse', ...options }: EnsureOptions & { absent?: 'refuse' | 'leave out' },
  ): Promise<Map<string, TopicInfo>> {
    const wanted = [...new Set(names)]
    const topics = new Map<string, TopicInfo>()
    const missing = wanted.filter((name) => {
      const known = this.known(name)
      if (known) topics.set(name, known)
      return !known
    })
    const found = await Promise.all(this.#look(missing, options))
    for (const [i, one] of found.entries()) {
      if ('info' in one) topics.set(missing[i]!, one.info)
      else if (absent === 'refuse' || !(one.error instanceof TopicNotFoundError)) throw one.error
    }
    return topics
  }

  /** Something else has shown how a topic is. */
  note(info: TopicInfo): void {
    const before = this.#counts.get(info.name)
    const count = info.partitions.length
    this.#counts.set(info.name, count)
    const created = this.#created.get(info.name)
    if (created) created.isSeen = true
    if (before === undefined || count <= before) return
    const cached = this.#topics.get(info.name)
    if (cached && cached.info.partitions.length < count) this.forget(info.name)
    for (const listener of [...this.#grownListeners]) listener(info.name)
  }

  /** In the order of `names`; those that are being looked for already are waited for. None rejects. */
  #look(names: readonly string[], options: EnsureOptions): Promise<Found>[] {
    // Who wants a topic created cannot share the look-up of one who does not.
    const keyOf = (name: string) => (options.create === false ? `${name}/` : name)
    const fresh = names.filter((name) => !this.#running.has(keyOf(name)))
    if (fresh.length > 0) {
      const looking = this.#lookUp(fresh, options).finally(() => {
        for (const name of fresh) this.#running.delete(keyOf(name))
      })
      for (const name of fresh) {
        this.#running.set(
          keyOf(name),
          looking.then((found) => found.get(name)!),
        )
      }
    }
    return names.map((name) => this.#running.get(keyOf(name))!)
  }

  async #lookUp(names: readonly string[], options: EnsureOptions): Promise<Map<string, Found>> {
    const { create = true } = options
    const { runtime, closed } = this.#cluster
    const found = new Map<string, Found>()
    const open = () => names.filter((name) => !found.has(name))
    const what = names.length === 1 ? `topic '${names[0]}'` : `${names.length} topics`
    try {
      await this.#cluster.retrying(`look up ${what}`, options, async (call) => {
        // A cluster that creates a topic, or has just created one, says first that there is none.
        for (let tries = 1; ; tries++) {
          await this.#ask(open(), create, call, found)
          for (const name of open())
            if (!this.#mayCome(name, create, tries))
              found.set(name, { error: unknownTopic(name, create) })
          if (open().length === 0) return
          const waitMs = backoffDelay(tries, { baseMs: 20, maxMs: 500 }, runtime)
          const signal = call.signal ? AbortSignal.any([call.signal, closed]) : closed
          await delay(runtime, waitMs, signal)
        }
      })
    } catch (error) {
      for (const name of open()) found.set(name, { error })
    }
    return found
  }

  /** Whether a broker that does not know the topic is worth asking again. */
  #mayCome(name: string, create: boolean, tries: number): boolean {
    const created = this.#created.get(name)
    const isNew =
      created !== undefined && this.#cluster.runtime.monotonicNow() - created.at <= newsMs
    // Once a broker has told of it, one that says no may also be right: it may have been deleted.
    if (isNew && !created.isSeen) return true
    return (create || isNew) && tries <= creationTries
  }

  /** Leaves out of `found` what is not there (yet). Throws where another try may tell more. */
  async #ask(
    names: readonly string[],
    create: boolean,
    call: CallOptions,
    found: Map<string, Found>,
  ): Promise<void> {
    const request = createMetadataRequest({
      topics: names.map((name) => createMetadataRequestTopic({ name })),
      allowAutoTopicCreation: create,
    })
    const response = await this.#cluster.connection.exchange(metadata, request, call)
    const answers = new Map(response.topics.map((answer) => [answer.name, answer]))
    let passing: unknown
    for (const name of names) {
      const answer = answers.get(name)
      const error = answer
        ? faultOf(name, answer)
        : new DisconnectedError(`The broker's response does not include topic '${name}'`)
      if (error instanceof KafkaError && error.retriable) passing ??= error
      else if (error) found.set(name, { error })
      else if (answer && errorName(answer.errorCode) !== unknown) {
        const info = toTopicInfo(answer)
        found.set(name, { info })
        this.#topics.set(name, { info, fetchedAt: this.#cluster.runtime.monotonicNow() })
        this.note(info)
      }
    }
    if (passing) throw passing
  }
}

const unknown = 'UNKNOWN_TOPIC_OR_PARTITION'

/** Undefined for one that is whole, or not there. */
function faultOf(name: string, answer: MetadataResponseTopic): KafkaError | undefined {
  if (errorName(answer.errorCode) === unknown) return undefined
  if (answer.errorCode !== 0) return errorFrom(answer.errorCode, { topic: name })
  const leaderless = answer.partitions.find(
    (partition) => errorName(partition.errorCode) === 'LEADER_NOT_AVAILABLE',
  )
  return leaderless && errorFrom(leaderless.errorCode, { topic: name })
}

function unknownTopic(name: string, isToBeCreated: boolean): TopicNotFoundError {
  const lack = isToBeCreated ? ' and the broker did not create it' : ''
  const orElse = isToBeCreated ? ", or turn the broker's auto-creation on" : ''
  return new TopicNotFoundError(
    `Topic '${name}' does not exist${lack}. Create it with kafka.admin.createTopic('${name}')${orElse}`,
    { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
  )
}

export function toTopicInfo(found: MetadataResponseTopic): TopicInfo {
  const partitions = found.partitions
    .map(({ partitionIndex, leaderId, leaderEpoch }) => ({
      index: partitionIndex,
      leaderId,
      leaderEpoch,
    }))
    .sort((a, b) => a.index - b.index)
  return { name: found.name ?? '', id: found.topicId, partitions }
}
