/** CreateAcls v1–3. There is no access control, which is said as Apache Kafka says it without an authorizer. */

import { createAclsFilter } from '../../backend/acl-filters.ts'
import {
  type CreateAclsRequest,
  type CreateAclsResponse,
  createAcls,
  createCreateAclsResponse,
  createCreateAclsResponseAclCreationResult,
} from '../../protocol/messages/generated/create-acls.ts'
import { noAuthorizer } from '../access/no-authorizer.ts'
import { served } from '../served-api.ts'

function handleCreateAcls(_: unknown, { creations }: CreateAclsRequest): CreateAclsResponse {
  const results = creations.map(() => createCreateAclsResponseAclCreationResult(noAuthorizer))
  return createCreateAclsResponse({ results })
}

export const createAclsApi = served({
  api: createAcls,
  filter: createAclsFilter,
  handle: handleCreateAcls,
})
