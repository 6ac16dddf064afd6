/** What IncrementalAlterConfigs and AlterConfigs share: which resources can be changed, and how a change is answered. */
import { KafkaError } from '../../core/errors.ts'
import { toErrorCode, toErrorMessage } from '../error-code.ts'
import { unknownTopic } from '../partition-lookup.ts'
import type { BrokerServices } from '../services.ts'
import type { TopicOverrides } from '../topics/topic-configs.ts'
import { faultOfTopicName } from '../topics/topic-name.ts'
import { repeatedIn } from './repeated.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics'>

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

/** Answers for all resources, one after the other; one that is there twice is refused. */
export async function alterEach<Resource extends AlteredResource>(
  services: Services,
  resources: readonly Resource[],
  validateOnly: boolean,
  changeOf: (
    resource: Resource,
  ) => (current: TopicOverrides) => Iterable<readonly [string, string | null]>,
): Promise<AlterOutcome[]> {
  const repeated = repeatedIn(resources.map(keyOf))
  const outcomes: AlterOutcome[] = []
  for (const resource of resources) {
    const change = repeated.has(keyOf(resource)) ? refuseRepeated : changeOf(resource)
    outcomes.push(await alterConfigsOf(services, resource, change, validateOnly))
  }
  return outcomes
}

function keyOf({ resourceType, resourceName }: AlteredResource): string {
  return `${resourceType} ${resourceName}`
}

function refuseRepeated(): never {
  throw new KafkaError('The resource appears more than once in the request', {
    code: 'INVALID_REQUEST',
  })
}

/** Makes `change` durable for a topic; `change` throws for what it cannot do. */
async function alterConfigsOf(
  services: Services,
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
    if (!topic) throw noSuchTopic(resourceName)
    if (topic.isInternal) {
      throw new KafkaError(`Topic '${resourceName}' belongs to the broker; its configs are fixed`, {
        code: 'INVALID_TOPIC_EXCEPTION',
      })
    }
    await topics.alterConfigs(resourceName, (current) => withoutNulls(change(current)), {
      validateOnly,
    })
    return { resourceType, resourceName, errorCode: 0, errorMessage: null }
  } catch (error) {
    const errorCode = toErrorCode(runtime.logger, error)
    return { resourceType, resourceName, errorCode, errorMessage: toErrorMessage(error) }
  }
}

function* withoutNulls(
  configs: Iterable<readonly [string, string | null]>,
): Generator<readonly [string, string]> {
  for (const [name, value] of configs) {
    if (value === null) {
      throw new KafkaError(`Config '${name}' cannot be set to null; delete it instead`, {
        code: 'INVALID_REQUEST',
      })
    }
    yield [name, value]
  }
}

function noSuchTopic(name: string): KafkaError {
  const fault = faultOfTopicName(name)
  if (!fault) return unknownTopic(name)
  const code = name === '' ? 'INVALID_REQUEST' : 'INVALID_TOPIC_EXCEPTION'
  return new KafkaError(`Topic name '${name.slice(0, 260)}' ${fault}`, { code })
}
