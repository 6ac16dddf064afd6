/** Where in the partitions of a topic a place is (ListOffsets). */
import { printable } from '../../core/json.ts'
import { invalid } from '../../core/options.ts'
import type { Cluster } from '../cluster.ts'
import { isOffset, type Offset } from '../consumer/offset.ts'
import { type Isolation, lookUpOffsets } from '../consumer/offset-lookup.ts'
import { checkTopicName } from '../topic.ts'

/** Position of an `Offset` in a partition. */
export interface PartitionOffset {
  readonly partition: number
  readonly offset: bigint
}

/** Options of `admin.listOffsets`. */
export interface ListOffsetsOptions {
  /**
   * What `Offset.latest` means: the end of the records that are committed (`'read_committed'`), which open transactions hold
   * back, or the end of all. Default `'read_uncommitted'`.
   */
  readonly isolation?: Isolation | undefined
}

export async function listOffsets(
  cluster: Cluster,
  topic: string,
  offset: Offset,
  { isolation = 'read_uncommitted' }: ListOffsetsOptions = {},
): Promise<PartitionOffset[]> {
  checkTopicName(topic)
  if (!isOffset(offset))
    throw invalid('listOffsets takes Offset.earliest, latest, timestamp() or at()')
  if (isolation !== 'read_committed' && isolation !== 'read_uncommitted')
    throw invalid("listOffsets takes isolation 'read_committed' or 'read_uncommitted'")
  cluster.invalidateTopic(topic)
  const { partitions } = await cluster.ensureTopic(topic, { create: false })
  const places = partitions.map(({ index }) => ({ topic, partition: index }))
  const found = await lookUpOffsets(cluster, places, offset, { isolation, create: false })
  return places.map(({ partition }, i) => printable({ partition, offset: found[i]! }))
}
