/**
 * One broker on one data folder. It takes typed requests and gives typed responses; doors (the embedded connection, the
 * Kafka listener, HTTP) stand before it.
 *
 * Opening: the lock; the metadata log; the topics' partitions, recovered where needed; the groups. Closing: long polls
 * are answered, requests in flight finish, the logs are synced and the folder is marked as clean.
 */
import { ClosedError, KafkaError } from '../core/errors.ts'
import type { Runtime, Timer } from '../core/runtime.ts'
import type { Api } from '../protocol/api.ts'
import { apiVersions } from '../protocol/messages/generated/api-versions.ts'
import type { FileSystem } from '../storage/file-system.ts'
import { servedApi, servedApis } from './api-table.ts'
import { type BrokerConfig, type BrokerConfigInput, resolveBrokerConfig } from './config.ts'
import { FetchSessions } from './fetch/fetch-sessions.ts'
import { GroupCoordinator } from './group/group-coordinator.ts'
import { LogStore } from './log/log-store.ts'
import { LongPolls } from './long-polls.ts'
import { ProducerIds } from './producer-ids.ts'
import type { RequestContext } from './request-context.ts'
import type { BrokerServices, Endpoint } from './services.ts'
import { internalLogConfig, stateTopicOverrides } from './topics/internal-topics.ts'
import { KeyedLog } from './topics/keyed-log.ts'
import { MetadataLog } from './topics/metadata-log.ts'
import { TopicFolders } from './topics/topic-folders.ts'
import { metadataTopic, offsetsTopic, transactionsTopic } from './topics/topic-name.ts'
import { recoverTopics } from './topics/topic-recovery.ts'
import { TopicRegistry } from './topics/topic-registry.ts'
import { TransactionCoordinator } from './transaction/transaction-coordinator.ts'
import { type MarkedParts, writeMarkers } from './transaction/write-markers.ts'

export interface BrokerOptions {
  readonly fileSystem: FileSystem
  readonly runtime: Runtime
  readonly config?: BrokerConfigInput
  /** Where clients reach this broker; default: an embedded broker, reached by nobody else. */
  readonly advertised?: () => Endpoint
}

const embeddedEndpoint: Endpoint = { host: 'embedded', port: 0 }
const cleanupIntervalMs = 300_000
const producerIdExpirationMs = 86_400_000
const offsetsExpiryIntervalMs = 600_000

export class Broker {
  readonly clusterId: string
  readonly nodeId: number
  readonly #services: BrokerServices
  readonly #store: LogStore
  #inFlight = 0
  #onIdle: (() => void) | undefined
  #closing: Promise<void> | undefined

  #expiryTimer: Timer

  private constructor(services: BrokerServices, store: LogStore) {
    this.clusterId = services.clusterId
    this.nodeId = services.config.nodeId
    this.#services = services
    this.#store = store
    this.#expiryTimer = this.#expireOffsetsLater()
  }

  /**
   * Throws `ConfigError`, `DataFolderLockedError`, `CorruptDataError` when what the broker must know cannot be read,
   * and `StorageError`.
   */
  static async open(options: BrokerOptions): Promise<Broker> {
    const { fileSystem, runtime } = options
    const config = resolveBrokerConfig(options.config)
    const { flushIntervalMs } = config
    const store = await LogStore.open({
      fileSystem,
      runtime,
      flushIntervalMs,
      cleanupIntervalMs,
      producerIdExpirationMs,
    })
    try {
      return new Broker(await openServices(options, config, store), store)
    } catch (error) {
      await store.close().catch((closeError: unknown) => {
        runtime.logger.warn(
          { err: closeError },
          'the data folder could not be closed after a failed start',
        )
      })
      throw error
    }
  }

  /** The highest version of an API that is served; -1 when it is not served at all. */
  highestVersion(api: { readonly key: number }): number {
    return servedApi(api.key)?.accepted.maxVersion ?? -1
  }

  /**
   * Answers a request. A client's mistake is an error code in the response. Rejects with `ClosedError` once the broker
   * is closing, and with `KafkaError` for what no response could express: UNSUPPORTED_VERSION, and
   * UNKNOWN_SERVER_ERROR for a fault of the broker's own.
   */
  async handle<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
    context: RequestContext,
  ): Promise<Response> {
    const served = servedApi(api.key)
    const { version } = context
    const isServed =
      served && version >= served.accepted.minVersion && version <= served.accepted.maxVersion
    if (!isServed && api.key !== apiVersions.key) throw notServed(api.name, version)
    if (this.#closing) throw closedBroker()
    this.#inFlight++
    try {
      return (await served!.handle(this.#services, request, context)) as Response
    } catch (error) {
      throw this.#unexpected(api.name, error)
    } finally {
      this.#inFlight--
      if (this.#inFlight === 0) this.#onIdle?.()
    }
  }

  /** Idempotent. Throws `StorageError` when the logs could not be synced: the next start then recovers. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Handlers answer what they foresee; the rest is a fault of ours, and the effect of the request is not known. */
  #unexpected(api: string, cause: unknown): KafkaError {
    this.#services.runtime.logger.error(
      { err: cause, api },
      'a request failed in a way that was not expected',
    )
    if (cause instanceof KafkaError) return cause
    return new KafkaError(`The broker failed to answer ${api}; its log says more`, {
      code: 'UNKNOWN_SERVER_ERROR',
      outcome: 'unknown',
      cause,
    })
  }

  #expireOffsetsLater(): Timer {
    const { runtime, groups, transactions } = this.#services
    const expire = () => {
      Promise.all([groups.expireOffsets(), transactions.expire()]).catch((error: unknown) => {
        runtime.logger.error(
          { err: error },
          'old offsets or transactional ids could not be removed',
        )
      })
      this.#expiryTimer = this.#expireOffsetsLater()
    }
    return runtime.setTimer(offsetsExpiryIntervalMs, expire, { background: true })
  }

  async #close(): Promise<void> {
    this.#expiryTimer.cancel()
    this.#services.longPolls.close()
    await this.#services.groups.close()
    await this.#services.transactions.close()
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    await this.#services.topics.settled()
    await this.#store.close()
  }
}

async function openServices(
  { fileSystem, runtime, advertised }: BrokerOptions,
  config: BrokerConfig,
  store: LogStore,
): Promise<BrokerServices> {
  const metadataPartition = await store.openLog(metadataTopic, 0, internalLogConfig)
  const metadata = await MetadataLog.open(new KeyedLog(metadataPartition, runtime))
  const folders = new TopicFolders(store, fileSystem)
  const recovered = await recoverTopics({ folders, metadata, config, runtime })
  const topics = new TopicRegistry({ folders, metadata, config, runtime }, recovered)
  const producerIds = new ProducerIds(metadata)
  const groups = await openGroups(await stateLog(topics, offsetsTopic, runtime), config, runtime)
  const transactions = await openTransactions(
    await stateLog(topics, transactionsTopic, runtime),
    { topics, groups, producerIds },
    config,
    runtime,
  )
  // Only now: the end of a transaction may have brought offsets of a topic that is gone.
  await forgetOffsetsOfGoneTopics(groups, topics)
  const longPolls = new LongPolls(runtime, config.waitingFetchesMax)
  topics.onDelete(async (name) => {
    longPolls.wakeAll()
    await groups.onTopicDeleted(name)
  })
  return {
    config,
    runtime,
    clusterId: store.clusterId,
    topics,
    groups,
    logs: store,
    producerIds,
    transactions,
    longPolls,
    fetchSessions: new FetchSessions(runtime, {
      sessionsMax: config.fetchSessionsMax,
      partitionsMax: config.fetchSessionPartitionsMax,
    }),
    advertisedApis: servedApis.map(({ api, advertised }) => ({ key: api.key, ...advertised })),
    advertised: advertised ?? (() => embeddedEndpoint),
  }
}

/** The log of one of the broker's own topics, which is created where it is missing. */
async function stateLog(topics: TopicRegistry, name: string, runtime: Runtime): Promise<KeyedLog> {
  const topic =
    topics.byName(name) ??
    (await topics.create({ name, partitions: 1, overrides: stateTopicOverrides }))
  return new KeyedLog(topic.partitions[0]!, runtime)
}

/** The coordinator with what `__consumer_offsets` holds. */
async function openGroups(
  log: KeyedLog,
  config: BrokerConfig,
  runtime: Runtime,
): Promise<GroupCoordinator> {
  const groups = new GroupCoordinator({
    runtime,
    limits: {
      initialRebalanceDelayMs: config.groupInitialRebalanceDelay,
      maxSize: config.groupMaxSize,
    },
    append: (records) => log.append(records),
    appendInTransaction: (records, producer) => {
      const baseOffset = log.appendInTransaction(records, producer)
      return { baseOffset, durable: log.whenSynced() }
    },
    offsetsRetentionMs: config.offsetsRetention,
  })
  await log.replay({
    record: (key, value, { offset, transactionOf }) =>
      groups.load(key, value, offset, transactionOf),
    marker: (producerId, type, offset) =>
      groups.endTransaction(producerId, type === 'commit', offset),
  })
  groups.loaded()
  return groups
}

/** The coordinator with what `__transaction_state` holds; ends that were decided before a crash are carried out. */
async function openTransactions(
  log: KeyedLog,
  parts: MarkedParts & { readonly producerIds: ProducerIds },
  config: BrokerConfig,
  runtime: Runtime,
): Promise<TransactionCoordinator> {
  const transactions = new TransactionCoordinator({
    runtime,
    maxTimeoutMs: config.transactionMaxTimeout,
    expirationMs: config.transactionalIdExpiration,
    append: (records) => log.append(records),
    appendSoon: (records) => log.appendSoon(records),
    nextProducerId: () => parts.producerIds.next(),
    writeMarkers: (marker) => writeMarkers(parts, marker),
  })
  await log.replay({ record: (key, value) => transactions.load(key, value) })
  await transactions.resume()
  return transactions
}

/** Offsets of a topic whose deletion was cut off would otherwise hold for the next topic of that name. */
async function forgetOffsetsOfGoneTopics(
  groups: GroupCoordinator,
  topics: TopicRegistry,
): Promise<void> {
  for (const name of groups.topicsWithOffsets())
    if (!topics.byName(name)) await groups.onTopicDeleted(name)
}

function notServed(name: string, version: number): KafkaError {
  return new KafkaError(`This broker does not serve version ${version} of ${name}`, {
    code: 'UNSUPPORTED_VERSION',
  })
}

function closedBroker(): ClosedError {
  return new ClosedError('The broker is closed; open it again to go on', { code: 'BROKER_CLOSED' })
}
