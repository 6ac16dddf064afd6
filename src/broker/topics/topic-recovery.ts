/**
 * At start: makes the partition folders agree with the metadata log.
 *
 *   record says        folder        then
 *   live               there         served
 *   live               missing       made anew, empty, with a warning
 *   deleting           any           removed, then the record
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
import type { MetadataLog } from './metadata-log.ts'
import { toLogConfig } from './topic-configs.ts'
import type { TopicFolders } from './topic-folders.ts'
import { metadataTopic } from './topic-name.ts'
import { type Topic, toTopic } from './topic-registry.ts'

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
    for (let partition = 0; partition < record.partitions; partition++) {
      if (present.has(`${name}-${partition}`)) continue
      runtime.logger.warn(
        { topic: name, partition },
        'the folder of a partition was missing; it starts anew, empty',
      )
    }
    const logConfig = toLogConfig(record.configs, config)
    topics.push(toTopic(name, record, await folders.open(name, 0, record.partitions, logConfig)))
  }
  return topics
}

async function finishDeletions({ folders, metadata }: RecoveryOptions): Promise<void> {
  for (const [name, record] of [...metadata.topics]) {
    if (record.state !== 'deleting') continue
    await folders.removeTopic(name)
    await metadata.removeTopic(name)
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
        'a folder in the data folder is not a partition; it is left alone',
      )
      continue
    }
    if (content === 'nothing') {
      await folders.remove([{ topic, partition }])
      continue
    }
    const configs = record?.configs ?? new Map<string, string>()
    const [log] = await folders.open(topic, partition, partition + 1, toLogConfig(configs, config))
    if (log!.logEndOffset === 0n) {
      await folders.remove([{ topic, partition }])
      continue
    }
    runtime.logger.warn(
      { topic, partition },
      'a partition with data has no metadata record; it is kept and served',
    )
    const id = record?.id ?? uuidFromHex(runtime.uuid())
    await metadata.saveTopic(topic, { id, partitions: partition + 1, configs, state: 'live' })
  }
}
