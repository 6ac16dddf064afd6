/**
 * One broker on one data folder. It takes typed requests and gives typed responses; listeners (the embedded connection, the
 * Kafka listener, HTTP) stand before it.
 *
 * Opening: the lock; the metadata log; the topics' partitions, recovered where needed; the groups. Closing: long polls
 * are answered, requests in flight finish, the logs are synced and the folder is marked as clean.
 */

import type { ResourceNames } from '../backend/access.ts'
import { accessesOf } from '../backend/access-filter.ts'
import type { Answer, Backend, BackendApi, BackupRequest } from '../backend/backend.ts'
import { BackendMetrics } from '../backend/backend-metrics.ts'
import { type HallGuard, noGuard, type Serve, throughHall, withHallApis } from '../backend/hall.ts'
import { isAccepted, notServed, versionNotServed } from '../backend/not-served.ts'
import type { RequestContext } from '../backend/request-context.ts'
import { ClosedError, KafkaError } from '../core/errors.ts'
import type { Metric } from '../core/metrics.ts'
import type { Runtime, Timer } from '../core/runtime.ts'
import type { Api } from '../protocol/api.ts'
import { apiVersions } from '../protocol/messages/generated/api-versions.ts'
import { findCoordinator } from '../protocol/messages/generated/find-coordinator.ts'
import type { FileSystem } from '../storage/file-system.ts'
import { limitOpenFiles } from '../storage/limited-file-system.ts'
import { servedApis } from './api-table.ts'
import { Backups } from './backup/backups.ts'
import { type BrokerConfig, type BrokerConfigInput, resolveBrokerConfig } from './config.ts'
import { FetchSessions } from './fetch/fetch-sessions.ts'
import { GroupCoordinator } from './group/group-coordinator.ts'
import { isShortage, levelOf } from './log/disk-reserve.ts'
import { LogStore } from './log/log-store.ts'
import { LongPolls } from './long-polls.ts'
import { ProducerIds } from './producer-ids.ts'
import { Refusals, reportLoss } from './refusals.ts'
import type { ServedApi } from './served-api.ts'
import type { BrokerServices } from './services.ts'
import { metadataLogConfig, stateTopicOverrides } from './topics/internal-topics.ts'
import { KeyedLog } from './topics/keyed-log.ts'
import { MetadataLog } from './topics/metadata-log.ts'
import { TopicFolders } from './topics/topic-folders.ts'
import { metadataTopic, offsetsTopic, transactionsTopic } from './topics/topic-name.ts'
import { recoverTopics } from './topics/topic-recovery.ts'
import { TopicRegistry } from './topics/topic-registry.ts'
import { settleHanging } from './transaction/settle-hanging.ts'
import { TransactionCoordinator } from './transaction/transaction-coordinator.ts'
import { type MarkedParts, writeMarkers } from './transaction/write-markers.ts'
import { WriteTurns } from './write-turns.ts'

export interface BrokerOptions {
  readonly fileSystem: FileSystem
  readonly runtime: Runtime
  readonly config?: BrokerConfigInput
  /** Decides what callers may do, and how fast. Default: everything, as fast as they can. */
  readonly guard?: HallGuard
  /** Looks on at requests. Default: nobody does. */
  readonly trace?: ((next: Serve) => Serve) | undefined
}

const producerIdExpirationMs = 86_400_000
const offsetsExpiryIntervalMs = 600_000
const shortageReportIntervalMs = 60_000
/** Left out when it is not known which were given out. */
const skippedProducerIds = 1_000_000n
/** Ids from here on were never given out: a client has made them up. */
const madeUpProducerIds = 2n ** 53n

export class Broker implements Backend {
  readonly apis: readonly BackendApi[]
  readonly clusterId: string
  readonly nodeId: number
  readonly #services: BrokerServices
  readonly #store: LogStore
  #inFlight = 0
  readonly #backups: Backups
  #onIdle: (() => void) | undefined
  #closing: Promise<void> | undefined

  #expiryTimer: Timer

  readonly #metrics = new BackendMetrics()
  readonly #serve: Serve
  readonly #names: ResourceNames
  readonly #guard: HallGuard
  readonly #byKey: readonly (BackendApi | undefined)[]

  private constructor(
    services: BrokerServices,
    store: LogStore,
    { guard = noGuard, trace }: BrokerOptions,
  ) {
    this.clusterId = services.clusterId
    this.nodeId = services.config.nodeId
    this.#services = services
    this.#guard = guard
    this.#store = store
    this.#backups = new Backups(store, services.runtime, () => {
      if (this.#closing) throw closedBroker()
    })
    this.#expiryTimer = this.#expireOffsetsLater()
    const { runtime, topics, config } = services
    this.#names = {
      topicName: (topicId) => topics.byId(topicId)?.name,
      createsTopics: config.autoCreateTopics,
    }
    this.apis = withHallApis(servedApis, guard)
    const byKey: BackendApi[] = []
    for (const served of this.apis) byKey[served.api.key] = served
    this.#byKey = byKey
    this.#serve = throughHall({
      runtime,
      metrics: this.#metrics,
      guard,
      trace,
      names: this.#names,
      serve: (served, request, context) => this.#handle(served as ServedApi, request, context),
    })
  }

  /**
   * Throws `ConfigError`, `DataFolderLockedError`, `CorruptDataError` when what the broker must know cannot be read,
   * and `StorageError`.
   */
  static async open(options: BrokerOptions): Promise<Broker> {
    const { runtime } = options
    const config = resolveBrokerConfig(options.config)
    const { flushInterval, logCleanerBackoff, clockJumpGrace } = config
    const fileSystem = limitOpenFiles(options.fileSystem, {
      openFilesMax: config.maxOpenFiles,
      onShortage: shortageReport(options.fileSystem, runtime),
    })
    const store = await LogStore.open({
      fileSystem,
      runtime,
      flushIntervalMs: flushInterval,
      cleanupIntervalMs: logCleanerBackoff,
      producerIdExpirationMs,
      diskReserve: config.diskReserve,
      clockJumpGraceMs: clockJumpGrace,
    })
    try {
      const services = await openServices({ ...options, fileSystem }, config, store)
      store.reserve.startServing()
      services.topics.resumeDeletions()
      await store.watchClock()
      return new Broker(services, store, options)
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

  servedApi(key: number): BackendApi | undefined {
    return this.#byKey[key]
  }

  /** For those who watch it, such as `BrokerState`: they read its parts and change none. */
  inspect<T>(make: (services: BrokerServices) => T): T {
    return make(this.#services)
  }

  /** What has been counted since the broker was opened. */
  metrics(): Metric[] {
    return [...this.#metrics.read(), ...this.#store.metrics(), ...this.#guard.metrics()]
  }

  /**
   * Answers a request. A client's mistake is an error code in the response. Rejects with `ClosedError` once the broker
   * is closing, and with `KafkaError` for what no response could express: UNSUPPORTED_VERSION, and
   * UNKNOWN_SERVER_ERROR for a fault of the broker's own.
   */
  handle<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
    context: RequestContext,
  ): Promise<Answer<Response>> {
    const served = this.#byKey[api.key]
    if (!served) return Promise.reject(notServed(api.name))
    // In a version that is not known, ApiVersions tells the versions that are (KIP-511).
    if (!isAccepted(served, context.version) && api.key !== apiVersions.key)
      return Promise.reject(versionNotServed(served, context.version))
    return this.#serve(served, request, context) as Promise<Answer<Response>>
  }

  async #handle(served: ServedApi, request: unknown, context: RequestContext): Promise<unknown> {
    if (this.#closing) throw closedBroker()
    this.#inFlight++
    try {
      this.#checkRefused(served, request, context)
      return await served.handle(this.#services, request, context)
    } catch (error) {
      throw this.#unexpected(served.api.name, error)
    } finally {
      this.#inFlight--
      if (this.#inFlight === 0) this.#onIdle?.()
    }
  }

  /** FindCoordinator, which comes first, says it in its answer. */
  #checkRefused(served: ServedApi, request: unknown, context: RequestContext): void {
    const { refusals } = this.#services
    if (refusals.isEmpty || served.api.key === findCoordinator.key) return
    const parts = { names: this.#names, version: context.version, context }
    const error = refusals.errorFor(accessesOf(served.filter, request, parts))
    if (error) throw error
  }

  /** See `Backend.backup`. The first piece rejects with `ClosedError` once the broker is closing. */
  backup(request: BackupRequest): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#backups.stream(request)
  }

  /** Idempotent. Throws `StorageError` when the logs could not be synced: the next start then recovers. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Handlers answer what they foresee; the rest is a fault of ours, and the effect of the request is not known. */
  #unexpected(api: string, cause: unknown): KafkaError {
    this.#services.runtime.logger[levelOf(cause, 'error')](
      { err: cause, api },
      'a request failed unexpectedly',
    )
    if (cause instanceof KafkaError) return cause
    return new KafkaError(`The broker failed to answer ${api}; see its log`, {
      code: 'UNKNOWN_SERVER_ERROR',
      outcome: 'unknown',
      cause,
    })
  }

  #expireOffsetsLater(): Timer {
    const { runtime, groups, transactions, refusals } = this.#services
    const expire = () => {
      const nowMs = this.#store.retentionNow()
      const work = [
        refusals.reasonFor('group') === undefined && groups.expireOffsets(nowMs),
        refusals.reasonFor('transactionalId') === undefined && transactions.expire(nowMs),
      ]
      Promise.all(work).catch((error: unknown) => {
        runtime.logger[levelOf(error, 'error')](
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
    await this.#services.topics.close()
    await this.#store.close()
  }
}

/** Says once in a while that the process has no file left. */
function shortageReport({ openFilesLimit }: FileSystem, runtime: Runtime): () => void {
  let saidAtMs = Number.NEGATIVE_INFINITY
  return () => {
    const nowMs = runtime.monotonicNow()
    if (nowMs - saidAtMs < shortageReportIntervalMs) return
    saidAtMs = nowMs
    runtime.logger.warn(
      { openFilesLimit },
      'the process has reached its limit on open files; the broker continues with those it has. Raise the limit (ulimit -n), or lower maxConnections',
    )
  }
}

async function openServices(
  { fileSystem, runtime, guard = noGuard }: BrokerOptions,
  config: BrokerConfig,
  store: LogStore,
): Promise<BrokerServices> {
  const metadataPartition = await store.openLog(metadataTopic, 0, metadataLogConfig(config), {
    mayUseReserve: true,
  })
  const metadata = await MetadataLog.open(new KeyedLog(metadataPartition, runtime))
  const folders = new TopicFolders(store, fileSystem)
  const recovered = await recoverTopics({ folders, metadata, config, runtime })
  const topics = new TopicRegistry({ folders, metadata, config, runtime }, recovered)
  const producerIds = new ProducerIds(metadata)
  if (store.isRestored) await skipAfterRestore(producerIds, metadata, store, runtime)
  const refusals = new Refusals()
  const { description } = fileSystem
  if (metadata.lost.length > 0) {
    reportLoss(
      runtime.logger,
      `${metadataTopic}-0`,
      metadata.lost,
      description,
      'the topics and configs recorded there are unknown, and retention is off for topics that may be affected',
    )
  }
  skipUsedProducerIds(producerIds, metadata, store, runtime)
  const parts = { topics, producerIds, refusals, description }
  const groups = await openGroups(
    await stateLog(topics, offsetsTopic, config, runtime),
    parts,
    config,
    runtime,
  )
  const transactions = await openTransactions(
    await stateLog(topics, transactionsTopic, config, runtime),
    { ...parts, groups },
    config,
    runtime,
  )
  // Only now: the end of a transaction may have brought offsets of a topic that is gone.
  if (metadata.lost.length === 0 && refusals.isEmpty)
    await forgetOffsetsOfGoneTopics(groups, topics)
  const longPolls = new LongPolls(runtime, config.maxWaitingFetches)
  topics.onDelete(async (name) => {
    longPolls.wakeAll()
    await groups.offsets.onTopicDeleted(name)
  })
  return {
    config,
    runtime,
    writeTurns: new WriteTurns(fileSystem),
    clusterId: store.clusterId,
    topics,
    groups,
    logs: store,
    producerIds,
    transactions,
    longPolls,
    refusals,
    fetchSessions: new FetchSessions(runtime, {
      sessionsMax: config.maxFetchSessions,
      partitionsMax: config.maxFetchSessionPartitions,
    }),
    advertisedApis: withHallApis(servedApis, guard).map(({ api, advertised }) => ({
      key: api.key,
      ...advertised,
    })),
  }
}

interface StateParts {
  readonly refusals: Refusals
  readonly description: string
}

/**
 * Those that were given out since the backup may be in use by producers that live on: two with one id would take each other's
 * batches for their own.
 */
async function skipAfterRestore(
  producerIds: ProducerIds,
  metadata: MetadataLog,
  store: LogStore,
  { logger }: Runtime,
): Promise<void> {
  const next = metadata.nextProducerId + skippedProducerIds
  producerIds.skipTo(next)
  try {
    await metadata.saveNextProducerId(next)
    await store.restoredNoted()
  } catch (error) {
    // On a full disk the next start does it again.
    if (!isShortage(error)) throw error
  }
  logger.info(
    { folder: store.description, nextProducerId: String(next) },
    'the data folder was restored from a backup',
  )
}

/** Where it is not known which ids were given out: past all that any log knows, by far, for some may not be in use yet. */
function skipUsedProducerIds(
  producerIds: ProducerIds,
  metadata: MetadataLog,
  store: LogStore,
  { logger }: Runtime,
): void {
  let last = -1n
  for (const log of store.all())
    for (const { producerId } of log.producers())
      if (producerId > last && producerId < madeUpProducerIds) last = producerId
  if (metadata.lost.length === 0 && last < metadata.nextProducerId) return
  const next = last + skippedProducerIds
  producerIds.skipTo(next)
  logger.warn(
    { from: String(next) },
    'the producer ids in use are unknown; new ones are far away from them',
  )
}

/** The log of one of the broker's own topics, which is created where it is missing. */
async function stateLog(
  topics: TopicRegistry,
  name: string,
  config: BrokerConfig,
  runtime: Runtime,
): Promise<KeyedLog> {
  const topic =
    topics.byName(name) ??
    (await topics.create({ name, partitions: 1, overrides: stateTopicOverrides(name, config) }))
  return new KeyedLog(topic.partitions[0]!, runtime)
}

/** The coordinator with what `__consumer_offsets` holds. */
async function openGroups(
  log: KeyedLog,
  { refusals, description }: StateParts,
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
    whenDurable: () => log.whenSynced(),
    appendInTransaction: (records, producer) => {
      const baseOffset = log.appendInTransaction(records, producer)
      return { baseOffset, durable: log.whenSynced() }
    },
    offsetsRetentionMs: config.offsetsRetention,
  })
  const lost = await log.replay({
    record: (key, value, { offset, transactionOf }) =>
      groups.load(key, value, offset, transactionOf),
    marker: (producerId, type, offset) =>
      groups.transactional.end(producerId, type === 'commit', offset),
  })
  groups.loaded()
  if (lost.length > 0)
    refusals.refuse(
      'group',
      reportLoss(
        runtime.logger,
        `${offsetsTopic}-0`,
        lost,
        description,
        'committed offsets may be lost, so consumer groups are refused',
      ),
    )
  return groups
}

/** The coordinator with what `__transaction_state` holds; ends that were decided before a crash are carried out. */
async function openTransactions(
  log: KeyedLog,
  parts: StateParts & MarkedParts & { readonly producerIds: ProducerIds },
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
  const lost = await log.replay({ record: (key, value) => transactions.load(key, value) })
  if (lost.length > 0)
    parts.refusals.refuse(
      'transactionalId',
      reportLoss(
        runtime.logger,
        `${transactionsTopic}-0`,
        lost,
        parts.description,
        'the state of transactions and fenced producers may be lost, so transactional ids are refused',
      ),
    )
  // What is left may be out of date: to carry it out could end a transaction in the wrong way.
  else {
    await transactions.resume()
    await settleHanging(parts, transactions, runtime.logger)
  }
  return transactions
}

/** Offsets of a topic whose deletion was cut off would otherwise hold for the next topic of that name. */
async function forgetOffsetsOfGoneTopics(
  groups: GroupCoordinator,
  topics: TopicRegistry,
): Promise<void> {
  for (const name of groups.offsets.topics())
    try {
      if (!topics.byName(name)) await groups.offsets.onTopicDeleted(name)
    } catch (error) {
      if (!isShortage(error)) throw error
      topics.isRemembered(name)
    }
}

function closedBroker(): ClosedError {
  return new ClosedError('The broker is closed; open it again to continue', {
    code: 'BROKER_CLOSED',
  })
}
