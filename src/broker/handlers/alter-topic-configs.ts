/** What IncrementalAlterConfigs and AlterConfigs share: which resources can be changed, and how a change is answered. */
import { KafkaError } from '../../core/errors.ts'
import { toErrorCode, toErrorMessage } from '../error-code.ts'
import { unknownTopic } from '../partition-lookup.ts'
import type { BrokerServices } from '../services.ts'
import type { TopicOverrides } from '../topics/topic-configs.ts'

/** Kafka's ids of what can have configs. */
export const resourceTypes = { topic: 2, broker: 4 } as const

export interface AlteredResource {
  readonly resourceType: number
  readonly resourceName: string
}

export interface AlterOutcome extends AlteredResource {
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** Makes `change` durable for a topic; `change` throws for what it cannot do. */
export async function alterConfigsOf(
  services: BrokerServices,
  { resourceType, resourceName }: AlteredResource,
  change: (current: TopicOverrides) => Iterable<readonly [string, string | null]>,
  validateOnly: boolean,
): Promise<AlterOutcome> {
  const { topics, runtime } = services
  try {
    if (resourceType !== resourceTypes.topic) {
      throw new KafkaError(
        'Only configs of topics can be altered; those of the broker are given when it is opened',
        {
          code: 'INVALID_REQUEST',
        },
      )
    }
    const topic = topics.byName(resourceName)
    if (!topic) throw unknownTopic(resourceName)
    if (topic.isInternal) {
      throw new KafkaError(`Topic '${resourceName}' belongs to the broker; its configs are fixed`, {
        code: 'INVALID_TOPIC_EXCEPTION',
      })
    }
    await topics.alterConfigs(resourceName, change, { validateOnly })
    return { resourceType, resourceName, errorCode: 0, errorMessage: null }
  } catch (error) {
    const errorCode = toErrorCode(runtime.logger, error)
    return { resourceType, resourceName, errorCode, errorMessage: toErrorMessage(error) }
  }
}
