/** Makes an application of a draft, and starts it. */
import { resolveConsumerConfig } from '../../client/consumer/consumer-config.ts'
import { resolveProducerConfig } from '../../client/producer/producer-config.ts'
import { onAbort } from '../../core/abort.ts'
import { ConfigError } from '../../core/errors.ts'
import type { Logger } from '../../core/runtime.ts'
import type { Draft } from '../dsl/draft.ts'
import type { StreamsEnvironment } from '../dsl/streams.ts'
import { isBroadcast } from '../operator.ts'
import { isByPredicate } from '../operators/join-streams.ts'
import { StateDir } from '../state-dir/state-dir.ts'
import {
  memberOptions,
  type ResolvedStreamsConfig,
  resolveStreamsConfig,
} from '../streams-config.ts'
import { automaticName, fingerprint, firstTopicOf } from '../topology/fingerprint.ts'
import { Topology } from '../topology/topology.ts'
import { AtLeastOnceWriter } from './at-least-once-writer.ts'
import { exportedMetrics } from './exported-metrics.ts'
import { taskShapes } from './plan.ts'
import { StreamApplication } from './stream-application.ts'
import { taskAssignor } from './task-assignor.ts'
import { TransactionalWriter } from './transactional-writer.ts'

/**
 * Nothing counts before the commit, which sends what still waits: until then, fuller batches are better. Milliseconds. At least once,
 * each record is there for others as soon as it is sent, so nothing waits.
 */
const lingerMs = 10

/** Two applications of one name in one process would be one. */
const running = new WeakMap<StreamsEnvironment['running'], Set<string>>()

/** Rejects with `ConfigError`, or with what is wrong with the folder of its state. */
export async function startApplication(
  environment: StreamsEnvironment,
  draft: Draft,
): Promise<void> {
  const { cluster, running: open } = environment
  const config = draft.owner.config ?? resolveStreamsConfig(draft.options)
  draft.start()
  const app = config.app ?? nameOf(draft, cluster.connection.url)
  const topology = new Topology(app, draft.operators)
  const names = running.get(open) ?? new Set()
  running.set(open, names)
  if (names.has(app)) {
    throw new ConfigError(
      `The application '${app}' runs already in this client. Give one of them another name (app), or write both as one with kafka.streams`,
      { code: 'INVALID_CONFIG' },
    )
  }
  names.add(app)
  let stateDir: StateDir | undefined
  try {
    stateDir = await openStateDir(environment, app, config)
    begin(environment, draft, { config, topology, stateDir, ended: () => names.delete(app) })
  } catch (error) {
    names.delete(app)
    await stateDir?.close()
    throw error
  }
}

interface Application {
  readonly config: ResolvedStreamsConfig
  readonly topology: Topology
  readonly stateDir: StateDir | undefined
  ended(): void
}

function begin(
  { cluster, running: open }: StreamsEnvironment,
  draft: Draft,
  { config, topology, stateDir, ended }: Application,
): void {
  const app = topology.application
  const isExact = config.guarantee === 'exactly-once'
  const producer = resolveProducerConfig(isExact ? { linger: lingerMs } : {})
  const processId = stateDir?.processId ?? cluster.runtime.uuid()
  const ids = new TransactionalIds(app, cluster.connection.url, processId)
  const application: StreamApplication = new StreamApplication({
    cluster,
    topology,
    config,
    stateDir,
    consumer: resolveConsumerConfig({
      ...memberOptions(config),
      group: app,
      autoCommit: false,
      isolation: 'read_committed',
      assignor: taskAssignor({
        tasks: (partitions) => taskShapes(topology, partitions),
        fingerprint: fingerprint(topology),
        processId,
        lags: () => application.lags(),
        standbys: config.standbys,
        maxLag: config.maxLag,
        assigned: (tasks) => application.assigned(tasks),
        differ: (topologies) =>
          cluster.runtime.logger.warn(
            { app, topologies },
            'processes of this application run different topologies. While a new version is rolled out that passes; if two programs have one name (app), each gets a part of the records: give one of them another name',
          ),
      }),
    }),
    newWriter: (parts) =>
      isExact
        ? new TransactionalWriter({
            cluster,
            producer,
            transactionalId: ids.take(),
            timeoutMs: config.transactionTimeout,
            groupId: topology.application,
            ...parts,
          })
        : new AtLeastOnceWriter({ cluster, producer, ...parts }),
    onEnd: () => {
      cluster.metrics.others.delete(counted)
      ended()
      ids.release()
      open.delete(application)
      stopListening()
    },
  })
  open.add(application)
  const counted = { read: () => exportedMetrics(app, application.metrics()) }
  cluster.metrics.others.add(counted)
  warnOfCosts(topology, cluster.runtime.logger)
  const stopListening = onAbort(config.signal, () => void application.close())
  if (config.signal?.aborted) void application.close()
  draft.run.begin(application)
}

/** Undefined: state is in memory. */
async function openStateDir(
  { cluster, openStateFolder }: StreamsEnvironment,
  app: string,
  { state, cleanupDelay, cacheBytes }: ResolvedStreamsConfig,
): Promise<StateDir | undefined> {
  if (state === 'memory') return undefined
  const { runtime } = cluster
  if (!openStateFolder) {
    throw new ConfigError("There are no files here; keep the state in memory: state: 'memory'", {
      code: 'INVALID_CONFIG',
    })
  }
  const { checkLevel, openLevel } = await import('../state-dir/level-engine.ts')
  checkLevel()
  return StateDir.open({
    folder: await openStateFolder(state.dir, app),
    openEngine: openLevel,
    cleanupDelayMs: cleanupDelay,
    cacheBytes,
    runtime,
  })
}

/** What grows with the product of two streams is to be known before it is felt. */
function warnOfCosts(topology: Topology, logger: Logger): void {
  for (const operator of topology.operators) {
    if (!isByPredicate(operator)) continue
    const where = { app: topology.application, operator: topology.nameOf(operator) }
    const each = isBroadcast(operator.parents[1]!)
      ? 'and every task reads all of its right side'
      : ''
    logger.info(
      where,
      `this join compares every pair of its window${each && `, ${each}`}; give \`key\` to scale`,
    )
  }
}

/** The state would be lost when the code changes, so only what keeps none, or keeps it here, may go without a name. */
function nameOf(draft: Draft, url: string): string {
  const { operators } = new Topology('', draft.operators)
  const isStateful = operators.some(({ stores }) => stores.length > 0)
  if (isStateful && !isEmbedded(url)) {
    throw new ConfigError(
      `A stream that keeps state needs a name on ${url}: kafka.stream('${firstTopicOf(operators)}', { app: 'my-app' }). Its state is kept under that name, and found again by it`,
      { code: 'INVALID_CONFIG' },
    )
  }
  return automaticName(operators)
}

function isEmbedded(url: string): boolean {
  return url.startsWith('file:') || url.startsWith('memory:')
}

/** Of applications on embedded logs, in this process: two clients may have one log open. */
const taken = new Set<string>()

/**
 * Only one process has an embedded log open, so its next one takes over at once what the last has left: they have the application's
 * name. A second client of the same log, and each process elsewhere, has a name of its own, and the broker aborts what one leaves after
 * `transactionTimeout`.
 */
class TransactionalIds {
  readonly #app: string
  readonly #url: string
  readonly #uuid: string
  #taken: string | undefined

  constructor(app: string, url: string, uuid: string) {
    this.#app = app
    this.#url = url
    this.#uuid = uuid
  }

  take(): string {
    const name = `${this.#url} ${this.#app}`
    if (!isEmbedded(this.#url) || taken.has(name)) return `${this.#app}-${this.#uuid}`
    taken.add(name)
    this.#taken = name
    return this.#app
  }

  release(): void {
    if (this.#taken !== undefined) taken.delete(this.#taken)
  }
}
