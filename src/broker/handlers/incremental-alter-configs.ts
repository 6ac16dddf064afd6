/**
 * IncrementalAlterConfigs v0–1 (KIP-339), of topics: set, delete, append to and subtract from lists.
 *
 * Differs from Apache Kafka: broker configs cannot be altered (INVALID_REQUEST).
 */

import { KafkaError } from '../../core/errors.ts'
import {
  createIncrementalAlterConfigsResponse,
  createIncrementalAlterConfigsResponseAlterConfigsResourceResponse,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsRequestAlterableConfig,
  type IncrementalAlterConfigsResponse,
  incrementalAlterConfigs,
} from '../../protocol/messages/generated/incremental-alter-configs.ts'
import { incrementalAlterConfigsFilter } from '../access/config-filters.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { listOf } from '../topics/topic-config-table.ts'
import {
  effectiveValue,
  type TopicOverrides,
  topicConfigDefinition,
} from '../topics/topic-configs.ts'
import { alterEach } from './alter-topic-configs.ts'

type Services = Pick<BrokerServices, 'config' | 'runtime' | 'topics'>

const operations = { set: 0, delete: 1, append: 2, subtract: 3 } as const

async function handleIncrementalAlterConfigs(
  services: Services,
  { resources, validateOnly }: IncrementalAlterConfigsRequest,
): Promise<IncrementalAlterConfigsResponse> {
  const outcomes = await alterEach(
    services,
    resources,
    validateOnly,
    ({ configs }) =>
      (current) =>
        applyAll(services, current, configs),
  )
  return createIncrementalAlterConfigsResponse({
    responses: outcomes.map((one) =>
      createIncrementalAlterConfigsResponseAlterConfigsResourceResponse(one),
    ),
  })
}

function applyAll(
  services: Services,
  current: TopicOverrides,
  changes: readonly IncrementalAlterConfigsRequestAlterableConfig[],
): Map<string, string | null> {
  const names = new Set(changes.map(({ name }) => name))
  if (names.size < changes.length) {
    throw new KafkaError('A config appears more than once in the request', {
      code: 'INVALID_REQUEST',
    })
  }
  const next = new Map<string, string | null>(current)
  for (const change of changes) apply(services, next, current, change)
  return next
}

function apply(
  { config }: Services,
  next: Map<string, string | null>,
  current: TopicOverrides,
  { name, configOperation, value }: IncrementalAlterConfigsRequestAlterableConfig,
): void {
  switch (configOperation) {
    case operations.set:
      next.set(name, value)
      return
    case operations.delete:
      next.delete(name)
      return
    case operations.append:
    case operations.subtract: {
      const definition = topicConfigDefinition(name)
      if (definition?.type !== 'list') {
        throw new KafkaError(
          `Config '${name}' is not a list: it can be set or deleted, not appended to or subtracted from`,
          {
            code: 'INVALID_CONFIG',
          },
        )
      }
      const before = listOf(effectiveValue(definition, current, config))
      const items = listOf(value ?? '')
      const isAppend = configOperation === operations.append
      const after = isAppend
        ? [...before, ...items]
        : before.filter((item) => !items.includes(item))
      next.set(name, after.join(','))
      return
    }
    default:
      throw new KafkaError(`There is no config operation ${configOperation}`, {
        code: 'INVALID_REQUEST',
      })
  }
}

export const incrementalAlterConfigsApi = served({
  api: incrementalAlterConfigs,
  filter: incrementalAlterConfigsFilter,
  handle: handleIncrementalAlterConfigs,
})
