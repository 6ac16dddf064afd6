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
} from '../../protocol/messages/generated/list-groups.ts'
import type { BrokerServices } from '../services.ts'

export const classicGroup = 'classic'

export function handleListGroups(
  { groups }: BrokerServices,
  { statesFilter, typesFilter }: ListGroupsRequest,
): ListGroupsResponse {
  const isListed = (filter: readonly string[], value: string) =>
    filter.length === 0 || filter.some((one) => one.toLowerCase() === value.toLowerCase())
  return createListGroupsResponse({
    groups: groups
      .groups()
      .filter(({ state }) => isListed(statesFilter, state) && isListed(typesFilter, classicGroup))
      .map(({ id, protocolType, state }) =>
        createListGroupsResponseListedGroup({
          groupId: id,
          protocolType,
          groupState: state,
          groupType: classicGroup,
        }),
      ),
  })
}
