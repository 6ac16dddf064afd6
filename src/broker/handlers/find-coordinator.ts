/**
 * FindCoordinator v0–6. This node coordinates every group and every transaction.
 *
 * Differs from Apache Kafka: share groups (2) are not served.
 */
import {
  createFindCoordinatorResponse,
  createFindCoordinatorResponseCoordinator,
  type FindCoordinatorRequest,
  type FindCoordinatorResponse,
  type FindCoordinatorResponseCoordinator,
} from '../../protocol/messages/generated/find-coordinator.ts'
import { errorCodes } from '../error-code.ts'
import type { RequestContext } from '../request-context.ts'
import type { BrokerServices, Endpoint } from '../services.ts'

interface Node extends Endpoint {
  readonly nodeId: number
}

const groupKey = 0
const transactionKey = 1
const shareKey = 2

export function handleFindCoordinator(
  services: BrokerServices,
  request: FindCoordinatorRequest,
  { version, advertised = services.advertised() }: RequestContext,
): FindCoordinatorResponse {
  const node: Node = { nodeId: services.config.nodeId, ...advertised }
  if (version >= 4) {
    const coordinators = request.coordinatorKeys.map((key) => find(node, key, request.keyType))
    return createFindCoordinatorResponse({ coordinators })
  }
  const { key: _, ...found } = find(node, request.key, request.keyType)
  return createFindCoordinatorResponse(found)
}

function find(node: Node, key: string, keyType: number): FindCoordinatorResponseCoordinator {
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
