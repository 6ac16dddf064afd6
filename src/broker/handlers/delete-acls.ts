/** DeleteAcls v1–3. There is no access control, which is said as Apache Kafka says it without an authorizer. */

import { deleteAclsFilter } from '../../backend/acl-filters.ts'
import {
  createDeleteAclsResponse,
  createDeleteAclsResponseDeleteAclsFilterResult,
  type DeleteAclsRequest,
  type DeleteAclsResponse,
  deleteAcls,
} from '../../protocol/messages/generated/delete-acls.ts'
import { noAuthorizer } from '../access/no-authorizer.ts'
import { served } from '../served-api.ts'

function handleDeleteAcls(_: unknown, { filters }: DeleteAclsRequest): DeleteAclsResponse {
  const filterResults = filters.map(() =>
    createDeleteAclsResponseDeleteAclsFilterResult(noAuthorizer),
  )
  return createDeleteAclsResponse({ filterResults })
}

export const deleteAclsApi = served({
  api: deleteAcls,
  filter: deleteAclsFilter,
  handle: handleDeleteAcls,
})
