/** Turns an `Offset` into the offset it means in one partition now (ListOffsets). */
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createListOffsetsRequest,
  createListOffsetsRequestListOffsetsPartition,
  createListOffsetsRequestListOffsetsTopic,
  listOffsets,
} from '../../protocol/messages/generated/list-offsets.ts'
import type { Cluster } from '../cluster.ts'
import type { Offset } from './offset.ts'

const latestTimestamp = -1n
const earliestTimestamp = -2n

export async function lookUpOffset(
  cluster: Cluster,
  { topic, partition }: { topic: string; partition: number },
  offset: Offset,
  isolation: 'read_committed' | 'read_uncommitted',
): Promise<bigint> {
  if (offset.kind === 'at') return offset.offset
  if (offset.kind === 'earliest')
    return ask(cluster, topic, partition, earliestTimestamp, isolation)
  if (offset.kind === 'timestamp') {
    const found = await ask(cluster, topic, partition, BigInt(offset.timestampMs), isolation)
    if (found >= 0n) return found
  }
  return ask(cluster, topic, partition, latestTimestamp, isolation)
}

function ask(
  cluster: Cluster,
  topic: string,
  partition: number,
  timestamp: bigint,
  isolation: 'read_committed' | 'read_uncommitted',
): Promise<bigint> {
  return cluster.retrying(`look up an offset of ${topic}-${partition}`, {}, async (call) => {
    await cluster.ensureTopic(topic)
    const nodeId = cluster.leaderOf(topic, partition)
    const request = createListOffsetsRequest({
      replicaId: -1,
      isolationLevel: isolation === 'read_committed' ? 1 : 0,
      topics: [
        createListOffsetsRequestListOffsetsTopic({
          name: topic,
          partitions: [
            createListOffsetsRequestListOffsetsPartition({
              partitionIndex: partition,
              currentLeaderEpoch: -1,
              timestamp,
            }),
          ],
        }),
      ],
    })
    const response = await cluster.exchange(listOffsets, request, { ...call, nodeId })
    const answer = response.topics[0]?.partitions[0]
    if (answer?.errorCode !== 0) {
      cluster.invalidateTopic(topic)
      throw errorFrom(answer?.errorCode ?? -1, { topic, partition })
    }
    return answer.offset
  })
}
