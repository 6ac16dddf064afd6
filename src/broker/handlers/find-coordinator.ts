/**
 * FindCoordinator v0–6. This node coordinates every group and every transaction.
 *
 * Differs from Apache Kafka: share groups (2) are not served.
 */

import type { Endpoint } from '../../backend/endpoint.ts'
import type { RequestContext } from '../../backend/request-context.ts'
import {
  createFindCoordinatorResponse,
  createFindCoordinatorResponseCoordinator,
  type FindCoordinatorRequest,
  type FindCoordinatorResponse,
  type FindCoordinatorResponseCoordinator,
  findCoordinator,
} from '../../protocol/messages/generated/find-coordinator.ts'
import { findCoordinatorFilter } from '../access/group-filters.ts'
import { errorCodes } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'config' | 'refusals'>

interface Node extends Endpoint {
  readonly nodeId: number
}

const groupKey = 0
const transactionKey = 1
const shareKey = 2

function handleFindCoordinator(
  services: Services,
  request: FindCoordinatorRequest,
  { version, session: { advertised } }: RequestContext,
): FindCoordinatorResponse {
  const node: Node = { nodeId: services.config.nodeId, ...advertised }
  if (version >= 4) {
    const coordinators = request.coordinatorKeys.map((key) =>
      find(services, node, key, request.keyType),
    )
    return createFindCoordinatorResponse({ coordinators })
  }
  const { key: _, ...found } = find(services, node, request.key, request.keyType)
  return createFindCoordinatorResponse(found)
}

function find(
  { refusals }: Services,
  node: Node,
  key: string,
  keyType: number,
): FindCoordinatorResponseCoordinator {
  const damage =
    keyType === groupKey
      ? refusals.reasonFor('group')
      : keyType === transactionKey
        ? refusals.reasonFor('transactionalId')
        : undefined
  // No code that clients try again on: until the operator has done something, it stays so.
  if (damage !== undefined)
    return createFindCoordinatorResponseCoordinator({
      key,
      nodeId: -1,
      port: -1,
      errorCode: errorCodes.UNKNOWN_SERVER_ERROR,
      errorMessage: damage,
    })
  const errorMessage = refusalOf(keyType)
  if (errorMessage === undefined) return createFindCoordinatorResponseCoordinator({ key, ...node })
  const isKnown = keyType === shareKey
  return createFindCoordinatorResponseCoordinator({
    key,
    nodeId: -1,
    port: -1,
    errorCode: isKnown ? errorCodes.UNSUPPORTED_VERSION : errorCodes.INVALID_REQUEST,
    errorMessage,
  })
}

function refusalOf(keyType: number): string | undefined {
  if (keyType === groupKey || keyType === transactionKey) return undefined
  if (keyType === shareKey) return 'Share groups are not served by this broker'
  return `There is no coordinator type ${keyType}`
}

export const findCoordinatorApi = served({
  api: findCoordinator,
  filter: findCoordinatorFilter,
  handle: handleFindCoordinator,
})
