/**
 * ApiVersions v0–4 (KIP-35, KIP-511). Answers every version it does not know with UNSUPPORTED_VERSION and the
 * versions it does know, for the server to send as v0.
 *
 * Differs from Apache Kafka: no features are advertised.
 */

import {
  type ApiVersionsRequest,
  type ApiVersionsResponse,
  apiVersions,
  createApiVersionsResponse,
  createApiVersionsResponseApiVersion,
} from '../../protocol/messages/generated/api-versions.ts'
import { errorCodes } from '../error-code.ts'
import type { RequestContext } from '../request-context.ts'
import type { BrokerServices } from '../services.ts'

const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/

export function handleApiVersions(
  services: BrokerServices,
  request: ApiVersionsRequest,
  { version }: RequestContext,
): ApiVersionsResponse {
  const isKnown = version >= apiVersions.minVersion && version <= apiVersions.maxVersion
  const isNamed =
    softwareName.test(request.clientSoftwareName) &&
    softwareName.test(request.clientSoftwareVersion)
  if (isKnown && version >= 3 && !isNamed) {
    return createApiVersionsResponse({ errorCode: errorCodes.INVALID_REQUEST })
  }
  return createApiVersionsResponse({
    errorCode: isKnown ? errorCodes.NONE : errorCodes.UNSUPPORTED_VERSION,
    apiKeys: services.advertisedApis.map(({ key, minVersion, maxVersion }) =>
      createApiVersionsResponseApiVersion({ apiKey: key, minVersion, maxVersion }),
    ),
  })
}
