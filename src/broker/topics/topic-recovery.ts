/**
 * At start: makes the partition folders agree with the metadata log.
 *
 *   record says        folder        then
 *   live               there         served
 *   live               missing       made anew, empty, with a warning
 *   deleting           any           removed, then the record; on a full disk later
 *   nothing            empty         removed: a creation that was never committed
 *   nothing            no log        left alone: it is not ours
 *   nothing            holds data    kept and served as a topic of that name, with a warning
 *
 * The last line is reached only when the metadata log was lost or restored from an older copy. Data is never
 * removed because a record is missing.
 */
import type { Runtime } from '../../core/runtime.ts'
import { uuidFromHex } from '../../protocol/uuid.ts'
import type { BrokerConfig } from '../config.ts'
import { isShortage } from '../log/disk-reserve.ts'
import { stateTopicOverrides } from './internal-topics.ts'
import type { MetadataLog, TopicRecord } from './metadata-log.ts'
import { toLogConfig } from './topic-configs.ts'
import type { TopicFolders } from './topic-folders.ts'
import { isBrokersTopic, metadataTopic } from './topic-name.ts'
import { type Topic, toTopic } from './topic-registry.ts'

const noRetention = [
  ['retention.ms', '-1'],
  ['retention.bytes', '-1'],
] as const

export interface RecoveryOptions {
  readonly folders: TopicFolders
  readonly metadata: MetadataLog
  readonly config: BrokerConfig
  readonly runtime: Runtime
}

export async function recoverTopics(options: RecoveryOptions): Promise<Topic[]> {
  const { folders, metadata, config, runtime } = options
  await finishDeletions(options)
  await settleOrphans(options)
  const present = new Set(folders.list().map(({ topic, partition }) => `${topic}-${partition}`))
  const topics: Topic[] = []
  for (const [name, record] of metadata.topics) {
    if (record.state === 'deleting') continue
    for (let partition = 0; partition < record.partitions; partition++) {
      if (present.has(`${name}-${partition}`)) continue
      runtime.logger.warn(
        { topic: name, partition },
        'the folder of a partition was missing; it starts empty',
      )
    }
    const known = metadata.isDoubtful(name) ? withoutRetention(record, name, runtime) : record
    const logConfig = toLogConfig(known.configs, config)
    topics.push(toTopic(name, known, await folders.open(name, 0, record.partitions, logConfig)))
  }
  return topics
}

/** What the topic's newest configs were is damaged: nothing is deleted by older ones. */
function withoutRetention(record: TopicRecord, topic: string, { logger }: Runtime): TopicRecord {
  logger.error(
    { topic },
    'the configs of a topic may have changed in the damaged part of __cluster_metadata; its retention is off until they are set again or the folder is repaired',
  )
  return { ...record, configs: new Map([...record.configs, ...noRetention]) }
}

async function finishDeletions({ folders, metadata }: RecoveryOptions): Promise<void> {
  for (const [name, record] of [...metadata.topics]) {
    if (record.state !== 'deleting') continue
    await unlessFull(async () => {
      await folders.removeTopic(name)
      await metadata.removeTopic(name)
    })
  }
}

/** A full disk keeps nobody from starting: what is in the way of nothing is removed another time. */
async function unlessFull(remove: () => Promise<void>): Promise<void> {
  try {
    await remove()
  } catch (error) {
    if (!isShortage(error)) throw error
  }
}

async function settleOrphans({
  folders,
  metadata,
  config,
  runtime,
}: RecoveryOptions): Promise<void> {
  for (const { topic, partition } of folders.list()) {
    const record = metadata.topics.get(topic)
    if (topic === metadataTopic || (record && partition < record.partitions)) continue
    const content = folders.content({ topic, partition })
    if (content === 'foreign') {
      runtime.logger.warn(
        { folder: `${topic}-${partition}` },
        'a folder in the data folder is not a partition and is ignored',
      )
      continue
    }
    if (content === 'nothing' && metadata.lost.length === 0) {
      await unlessFull(() => folders.remove([{ topic, partition }]))
      continue
    }
    const configs = record?.configs ?? configsOfLost(topic, config)
    const [log] = await folders.open(topic, partition, partition + 1, toLogConfig(configs, config))
    if (log!.logEndOffset === 0n && metadata.lost.length === 0) {
      await unlessFull(() => folders.remove([{ topic, partition }]))
      continue
    }
    runtime.logger.warn(
      { topic, partition },
      'a partition with data has no metadata record; it is kept and served, and its retention is off',
    )
    const id = record?.id ?? uuidFromHex(runtime.uuid())
    await metadata.saveTopic(topic, { id, partitions: partition + 1, configs, state: 'live' })
  }
}

/** Of a topic whose record is gone: nothing is deleted by a retention that would hold by default. */
function configsOfLost(topic: string, config: BrokerConfig): ReadonlyMap<string, string> {
  return isBrokersTopic(topic) ? stateTopicOverrides(topic, config) : new Map(noRetention)
}
