/**
 * AlterConfigs v0–2, of topics: the request's settings replace all that the topic had. Old clients have nothing else.
 *
 * Differs from Apache Kafka: broker configs cannot be altered (INVALID_REQUEST).
 */

import {
  type AlterConfigsRequest,
  type AlterConfigsResponse,
  alterConfigs,
  createAlterConfigsResponse,
  createAlterConfigsResponseAlterConfigsResourceResponse,
} from '../../protocol/messages/generated/alter-configs.ts'
import { alterConfigsFilter } from '../access/config-filters.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { alterEach } from './alter-topic-configs.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics'>

async function handleAlterConfigs(
  services: Services,
  { resources, validateOnly }: AlterConfigsRequest,
): Promise<AlterConfigsResponse> {
  const outcomes = await alterEach(services, resources, validateOnly, ({ configs }) => {
    const settings = configs.map(({ name, value }) => [name, value] as const)
    return () => settings
  })
  return createAlterConfigsResponse({
    responses: outcomes.map((one) => createAlterConfigsResponseAlterConfigsResourceResponse(one)),
  })
}

export const alterConfigsApi = served({
  api: alterConfigs,
  filter: alterConfigsFilter,
  handle: handleAlterConfigs,
})
