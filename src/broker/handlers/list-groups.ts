/**
 * ListGroups v0–5. Filters by state (v4+, KIP-518) and type (v5+, KIP-848) do not mind upper and lower case.
 *
 * Differs from Apache Kafka: there are classic groups only.
 */

import {
  createListGroupsResponse,
  createListGroupsResponseListedGroup,
  type ListGroupsRequest,
  type ListGroupsResponse,
  listGroups,
} from '../../protocol/messages/generated/list-groups.ts'
import { listGroupsFilter } from '../access/group-filters.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'groups'>

function handleListGroups(
  { groups }: Services,
  { statesFilter, typesFilter }: ListGroupsRequest,
): ListGroupsResponse {
  const isListed = (filter: readonly string[], value: string) =>
    filter.length === 0 || filter.some((one) => one.toLowerCase() === value.toLowerCase())
  return createListGroupsResponse({
    groups: groups
      .groups()
      .filter(({ state, kind }) => isListed(statesFilter, state) && isListed(typesFilter, kind))
      .map(({ id, protocolType, state, kind }) =>
        createListGroupsResponseListedGroup({
          groupId: id,
          protocolType,
          groupState: state,
          groupType: kind,
        }),
      ),
  })
}

export const listGroupsApi = served({
  api: listGroups,
  filter: listGroupsFilter,
  handle: handleListGroups,
})
