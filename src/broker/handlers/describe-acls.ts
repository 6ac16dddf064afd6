/** DescribeAcls v1–3. There is no access control, which is said as Apache Kafka says it without an authorizer. */

import { describeAclsFilter } from '../../backend/acl-filters.ts'
import {
  createDescribeAclsResponse,
  type DescribeAclsResponse,
  describeAcls,
} from '../../protocol/messages/generated/describe-acls.ts'
import { noAuthorizer } from '../access/no-authorizer.ts'
import { served } from '../served-api.ts'

function handleDescribeAcls(): DescribeAclsResponse {
  return createDescribeAclsResponse(noAuthorizer)
}

export const describeAclsApi = served({
  api: describeAcls,
  filter: describeAclsFilter,
  handle: handleDescribeAcls,
})
