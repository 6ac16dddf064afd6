/**
 * DescribeConfigs v1–4, of topics and of this broker.
 *
 * Differs from Apache Kafka: other resources (loggers, groups, client metrics) are INVALID_REQUEST; the list holds the
 * configs that are served.
 */

import { KafkaError } from '../../core/errors.ts'
import {
  createDescribeConfigsResponse,
  createDescribeConfigsResponseDescribeConfigsResourceResult,
  createDescribeConfigsResponseDescribeConfigsResult,
  createDescribeConfigsResponseDescribeConfigsSynonym,
  type DescribeConfigsRequest,
  type DescribeConfigsRequestDescribeConfigsResource,
  type DescribeConfigsResponse,
  type DescribeConfigsResponseDescribeConfigsResult,
  describeConfigs,
} from '../../protocol/messages/generated/describe-configs.ts'
import { describeConfigsFilter } from '../access/config-filters.ts'
import { toErrorCode, toErrorMessage } from '../error-code.ts'
import { unknownTopic } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import {
  type DescribedConfig,
  describeBrokerConfigs,
  describeTopicConfigs,
} from '../topics/config-description.ts'
import { faultOfTopicName } from '../topics/topic-name.ts'
import { resourceTypes } from './alter-topic-configs.ts'

type Services = Pick<BrokerServices, 'config' | 'runtime' | 'topics'>

function handleDescribeConfigs(
  services: Services,
  request: DescribeConfigsRequest,
): DescribeConfigsResponse {
  return createDescribeConfigsResponse({
    results: request.resources.map((resource) => answer(services, resource, request)),
  })
}

function answer(
  services: Services,
  { resourceType, resourceName, configurationKeys }: DescribeConfigsRequestDescribeConfigsResource,
  { includeSynonyms, includeDocumentation }: DescribeConfigsRequest,
): DescribeConfigsResponseDescribeConfigsResult {
  try {
    // No keys stand for all, as null does.
    const keys = configurationKeys?.length ? new Set(configurationKeys) : null
    const configs = describe(services, resourceType, resourceName)
      .filter(({ name }) => !keys || keys.has(name))
      .map((config) =>
        createDescribeConfigsResponseDescribeConfigsResourceResult({
          name: config.name,
          value: config.value,
          readOnly: config.readOnly,
          configSource: config.source,
          configType: config.type,
          documentation: includeDocumentation ? config.documentation : null,
          synonyms: includeSynonyms
            ? config.synonyms.map((synonym) =>
                createDescribeConfigsResponseDescribeConfigsSynonym(synonym),
              )
            : [],
        }),
      )
    return createDescribeConfigsResponseDescribeConfigsResult({
      resourceType,
      resourceName,
      errorMessage: null,
      configs,
    })
  } catch (error) {
    return createDescribeConfigsResponseDescribeConfigsResult({
      resourceType,
      resourceName,
      errorCode: toErrorCode(services.runtime.logger, error),
      errorMessage: toErrorMessage(error),
    })
  }
}

function describe({ topics, config }: Services, type: number, name: string): DescribedConfig[] {
  if (type === resourceTypes.topic) {
    const topic = topics.byName(name)
    if (topic) return describeTopicConfigs(topic.overrides, config)
    const fault = faultOfTopicName(name)
    if (!fault) throw unknownTopic(name)
    throw new KafkaError(`Topic name '${name.slice(0, 260)}' ${fault}`, {
      code: 'INVALID_TOPIC_EXCEPTION',
    })
  }
  if (type === resourceTypes.broker) {
    // The empty name stands for what has been set for all brokers at run time, which is nothing.
    if (name === '') return []
    if (name === String(config.nodeId)) return describeBrokerConfigs(config)
    throw new KafkaError(`There is no broker '${name}'; this one is ${config.nodeId}`, {
      code: 'INVALID_REQUEST',
    })
  }
  throw new KafkaError(`Configs of resource type ${type} are not served; topics are 2, brokers 4`, {
    code: 'INVALID_REQUEST',
  })
}

export const describeConfigsApi = served({
  api: describeConfigs,
  filter: describeConfigsFilter,
  handle: handleDescribeConfigs,
})
