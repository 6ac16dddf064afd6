/** The option that names the partitions to read, instead of all of the topics or a share of them. */
import { inspectBriefly } from '../../core/duration.ts'
import { invalid, type Option, readInteger, unknownOption } from '../../core/options.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import { isOffset, type Offset } from './offset.ts'

/** A partition that a consumer is to read. */
export interface PartitionToRead extends TopicPartition {
  /** Where to start when the group, if there is one, has no committed offset. Default: the consumer's `offset`. */
  readonly offset?: Offset | undefined
}

const names = ['topic', 'partition', 'offset']
const largestPartition = 2 ** 31 - 1

export const partitionsOption: Option<readonly PartitionToRead[] | undefined> = {
  type: { kind: 'object', expected: 'an array of { topic, partition, offset? }' },
  fallback: undefined,
  read(value, key) {
    if (!Array.isArray(value) || value.length === 0) {
      throw invalid(
        `${key} must be an array of { topic, partition, offset? } with at least one; got ${inspectBriefly(value)}`,
      )
    }
    const partitions = value.map((one, i) => readPartition(one, `${key}[${i}]`))
    const seen = new Set<string>()
    for (const { topic, partition } of partitions) {
      const name = `${topic}-${partition}`
      if (seen.has(name)) throw invalid(`${key} names ${name} more than once`)
      seen.add(name)
    }
    return Object.freeze(partitions)
  },
}

/** Reads one of a list. Throws `ConfigError`. */
function readPartition(value: unknown, key: string): PartitionToRead {
  const { topic, partition } = readTopicPartition(value, key)
  for (const name of Object.keys(value as object)) {
    if (!names.includes(name)) throw unknownOption(key, name, names)
  }
  const { offset } = value as PartitionToRead
  if (offset !== undefined && !isOffset(offset)) {
    throw invalid(
      `${key}.offset must be Offset.earliest, Offset.latest, Offset.timestamp(…) or Offset.at(…); got ${inspectBriefly(offset)}`,
    )
  }
  return Object.freeze({ topic, partition, ...(offset && { offset }) })
}

/** Throws `ConfigError` for what does not name a partition. */
export function readTopicPartition(value: unknown, key: string): TopicPartition {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(`${key} must be { topic, partition }; got ${inspectBriefly(value)}`)
  }
  const { topic, partition } = value as { topic?: unknown; partition?: unknown }
  if (typeof topic !== 'string' || topic === '') {
    throw invalid(`${key}.topic must be a non-empty string; got ${inspectBriefly(topic)}`)
  }
  readInteger(partition, `${key}.partition`, { min: 0, max: largestPartition })
  return { topic, partition: partition as number }
}

/** Throws `ConfigError` where the topics of a consumer and the partitions that it names do not belong together. */
export function checkPartitions(
  topics: readonly ({ readonly name: string } | RegExp)[],
  partitions: readonly PartitionToRead[] | undefined,
): void {
  if (!partitions) return
  const pattern = topics.find((one) => one instanceof RegExp)
  if (pattern) {
    throw invalid(
      `A consumer with fixed partitions needs topic names; got the pattern ${String(pattern)}`,
    )
  }
  const given = new Set(topics.map((one) => (one as { name: string }).name))
  const named = new Set(partitions.map(({ topic }) => topic))
  for (const topic of named) {
    if (given.has(topic)) continue
    throw invalid(
      `partitions names topic '${topic}', which is not among the consumer's topics: ${[...given].join(', ')}`,
    )
  }
  for (const topic of given) {
    if (!named.has(topic)) throw invalid(`partitions names no partition of topic '${topic}'`)
  }
}
