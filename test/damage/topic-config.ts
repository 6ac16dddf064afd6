/** The configs of a topic, as a client is told them. */
import {
  createDescribeConfigsRequest,
  createDescribeConfigsRequestDescribeConfigsResource,
  describeConfigs,
} from '../../src/protocol/messages/generated/describe-configs.ts'
import type { TestBroker } from '../broker/test-broker.ts'

const topicResource = 2

export async function describeTopicConfigs(
  { ask }: TestBroker,
  name: string,
): Promise<{ [config: string]: string | null }> {
  const resource = createDescribeConfigsRequestDescribeConfigsResource({
    resourceType: topicResource,
    resourceName: name,
    configurationKeys: null,
  })
  const request = createDescribeConfigsRequest({ resources: [resource] })
  const { configs } = (await ask(describeConfigs, request)).results[0]!
  return Object.fromEntries(configs.map((one) => [one.name, one.value]))
}
