/**
 * DescribeAcls, CreateAcls, DeleteAcls v1–3: the rights, as `kafka-acls` shows and changes them. What is wrong with one
 * right leaves the others of a request alone.
 */

import { clusterResource, resourceTypes } from '../../backend/access.ts'
import {
  createAclsFilter,
  deleteAclsFilter,
  describeAclsFilter,
} from '../../backend/acl-filters.ts'
import type { HallApi } from '../../backend/hall.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  type CreateAclsRequest,
  type CreateAclsRequestAclCreation,
  type CreateAclsResponse,
  createAcls,
  createCreateAclsResponse,
  createCreateAclsResponseAclCreationResult,
} from '../../protocol/messages/generated/create-acls.ts'
import {
  createDeleteAclsResponse,
  createDeleteAclsResponseDeleteAclsFilterResult,
  createDeleteAclsResponseDeleteAclsMatchingAcl,
  type DeleteAclsRequest,
  type DeleteAclsRequestDeleteAclsFilter,
  type DeleteAclsResponse,
  deleteAcls,
} from '../../protocol/messages/generated/delete-acls.ts'
import {
  createDescribeAclsResponse,
  createDescribeAclsResponseAclDescription,
  createDescribeAclsResponseDescribeAclsResource,
  type DescribeAclsRequest,
  type DescribeAclsResponse,
  describeAcls,
} from '../../protocol/messages/generated/describe-acls.ts'
import {
  type AclBinding,
  aclKey,
  aclOperations,
  anyName,
  namesResource,
  operationOf,
  patternTypeOf,
  patternTypes,
  permissionOf,
  permissions,
  resourceTypeOf,
} from '../rights/acl.ts'
import type { AclIndex } from '../rights/acl-index.ts'
import { aclRecord, noAcl } from '../state/access-state.ts'
import type { StateRecord } from '../state/state-topic.ts'
import { hallApi, noError, refusalOf, refuse } from './hall-api.ts'

export interface AclApisParts {
  readonly acls: AclIndex
  readonly write: (records: readonly StateRecord[]) => Promise<void>
}

/** What Kafka's filters have for "any", and for names that a pattern fits. */
const any = 1
const match = 2
const nameLengthMax = 1000

export function aclApis(parts: AclApisParts): HallApi[] {
  return [
    hallApi(describeAcls, describeAclsFilter, async (request) => describe(parts, request)),
    hallApi(createAcls, createAclsFilter, (request) => create(parts, request)),
    hallApi(deleteAcls, deleteAclsFilter, (request) => remove(parts, request)),
  ]
}

function describe({ acls }: AclApisParts, request: DescribeAclsRequest): DescribeAclsResponse {
  const matches = matcher(request)
  if (!matches)
    return createDescribeAclsResponse({
      errorCode: errorCode('INVALID_REQUEST'),
      errorMessage: unknownFilter,
    })
  const byResource = new Map<string, AclBinding[]>()
  for (const binding of acls.all()) {
    if (!matches(binding)) continue
    const resource = JSON.stringify([binding.type, binding.pattern, binding.name])
    byResource.set(resource, [...(byResource.get(resource) ?? []), binding])
  }
  return createDescribeAclsResponse({
    ...noError,
    resources: [...byResource.values()].map((bindings) =>
      createDescribeAclsResponseDescribeAclsResource({
        resourceType: resourceTypes[bindings[0]!.type],
        resourceName: bindings[0]!.name,
        patternType: patternTypes[bindings[0]!.pattern],
        acls: bindings.map(({ principal, host, operation, permission }) =>
          createDescribeAclsResponseAclDescription({
            ...{ principal, host },
            operation: aclOperations[operation],
            permissionType: permissions[permission],
          }),
        ),
      }),
    ),
  })
}

async function create(
  { write }: AclApisParts,
  { creations }: CreateAclsRequest,
): Promise<CreateAclsResponse> {
  const read = creations.map((creation) => {
    try {
      return { binding: bindingOf(creation), refusal: noError }
    } catch (error) {
      return { binding: undefined, refusal: refusalOf(error) }
    }
  })
  await write(read.flatMap(({ binding }) => (binding ? [aclRecord(binding)] : [])))
  return createCreateAclsResponse({
    results: read.map(({ refusal }) => createCreateAclsResponseAclCreationResult(refusal)),
  })
}

async function remove(
  { acls, write }: AclApisParts,
  { filters }: DeleteAclsRequest,
): Promise<DeleteAclsResponse> {
  const found = filters.map((filter) => {
    const matches = matcher(filter)
    return matches && [...acls.all()].filter(matches)
  })
  const gone = new Map(found.flatMap((list) => list ?? []).map((one) => [aclKey(one).join(), one]))
  await write([...gone.values()].map(noAcl))
  return createDeleteAclsResponse({
    filterResults: found.map((list) =>
      createDeleteAclsResponseDeleteAclsFilterResult(
        list
          ? { ...noError, matchingAcls: list.map(told) }
          : { errorCode: errorCode('INVALID_REQUEST'), errorMessage: unknownFilter },
      ),
    ),
  })
}

function told({ type, name, pattern, principal, host, operation, permission }: AclBinding) {
  return createDeleteAclsResponseDeleteAclsMatchingAcl({
    ...{ ...noError, resourceName: name, principal, host },
    resourceType: resourceTypes[type],
    patternType: patternTypes[pattern],
    operation: aclOperations[operation],
    permissionType: permissions[permission],
  })
}

const unknownFilter = 'The filter has a type, operation or permission that is not known'

/** Throws `KafkaError` INVALID_REQUEST. */
function bindingOf(creation: CreateAclsRequestAclCreation): AclBinding {
  const { resourceName: name, principal, host } = creation
  const type = resourceTypeOf.get(creation.resourceType)
  const pattern = patternTypeOf.get(creation.resourcePatternType)
  const operation = operationOf.get(creation.operation)
  const permission = permissionOf.get(creation.permissionType)
  if (!type) throw refuse('INVALID_REQUEST', 'The resource type is not known')
  if (!pattern) throw refuse('INVALID_REQUEST', 'The pattern type must be literal or prefixed')
  if (!operation) throw refuse('INVALID_REQUEST', 'The operation is not known')
  if (!permission) throw refuse('INVALID_REQUEST', 'The permission must be allow or deny')
  if (name === '') throw refuse('INVALID_REQUEST', 'Invalid empty resource name')
  if (type === 'cluster' && name !== clusterResource)
    throw refuse(
      'INVALID_REQUEST',
      `The only valid name for the CLUSTER resource is ${clusterResource}`,
    )
  if (!/^[^:]+:.+$/s.test(principal))
    throw refuse('INVALID_REQUEST', 'A principal is a type and a name, such as User:alice')
  if (host === '') throw refuse('INVALID_REQUEST', "A host is an address, or '*' for all")
  if ([name, principal, host].some(({ length }) => length > nameLengthMax))
    throw refuse('INVALID_REQUEST', `A name is longer than ${nameLengthMax} characters`)
  return { type, name, pattern, principal, host, operation, permission }
}

/** Undefined for a filter with something that is not known. */
function matcher(
  filter: DescribeAclsRequest | DeleteAclsRequestDeleteAclsFilter,
): ((binding: AclBinding) => boolean) | undefined {
  const { resourceNameFilter: name, principalFilter, hostFilter, patternTypeFilter } = filter
  const isKnown =
    (filter.resourceTypeFilter === any || resourceTypeOf.has(filter.resourceTypeFilter)) &&
    (patternTypeFilter === any ||
      patternTypeFilter === match ||
      patternTypeOf.has(patternTypeFilter)) &&
    (filter.operation === any || operationOf.has(filter.operation)) &&
    (filter.permissionType === any || permissionOf.has(filter.permissionType))
  if (!isKnown) return undefined
  const fits = (wanted: number, code: number) => wanted === any || wanted === code
  return (binding) => {
    if (!fits(filter.resourceTypeFilter, resourceTypes[binding.type])) return false
    if (!fits(filter.operation, aclOperations[binding.operation])) return false
    if (!fits(filter.permissionType, permissions[binding.permission])) return false
    if (principalFilter !== null && principalFilter !== binding.principal) return false
    if (hostFilter !== null && hostFilter !== binding.host) return false
    if (patternTypeFilter === match) return name === null || isMatch(binding, name)
    if (!fits(patternTypeFilter, patternTypes[binding.pattern])) return false
    return name === null || name === binding.name
  }
}

/** Whether the right would count for the resource of that name; of `*`, what is for all. */
function isMatch(binding: AclBinding, name: string): boolean {
  return name === anyName ? binding.name === anyName : namesResource(binding, name)
}
