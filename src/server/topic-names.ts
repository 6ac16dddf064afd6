/** The names of topics by their ids, learned from the answers of a cluster that pass by, or looked up. */
import type { ResourceNames } from '../backend/access.ts'
import type { Connection } from '../connection/connection.ts'
import type { ApiIdentity } from '../protocol/api.ts'
import {
  type CreateTopicsResponse,
  createTopics,
} from '../protocol/messages/generated/create-topics.ts'
import {
  type DescribeTopicPartitionsResponse,
  describeTopicPartitions,
} from '../protocol/messages/generated/describe-topic-partitions.ts'
import {
  createMetadataRequest,
  type MetadataResponse,
  metadata,
} from '../protocol/messages/generated/metadata.ts'

/** A client that was here before knows ids that this gateway has not seen: it asks the cluster then, for all at once. */
export class TopicNames implements ResourceNames {
  readonly #connection: Connection
  readonly #names = new Map<string, string>()
  #looking: Promise<void> | undefined

  constructor(connection: Connection) {
    this.#connection = connection
  }

  readonly topicName = (topicId: string): string | undefined => this.#names.get(topicId)

  readonly lookUp = (): Promise<void> => {
    this.#looking ??= this.#lookUp().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  learn({ key }: ApiIdentity, response: unknown): void {
    if (![metadata.key, createTopics.key, describeTopicPartitions.key].includes(key)) return
    const { topics } = response as
      | MetadataResponse
      | CreateTopicsResponse
      | DescribeTopicPartitionsResponse
    for (const { topicId, name, errorCode } of topics)
      if (errorCode === 0 && name !== null) this.#names.set(topicId, name)
  }

  async #lookUp(): Promise<void> {
    const request = createMetadataRequest({ topics: null, allowAutoTopicCreation: false })
    this.learn(metadata, await this.#connection.exchange(metadata, request))
  }
}
