/**
 * ApiVersions v0–4 (KIP-35, KIP-511). Answers every version it does not know with UNSUPPORTED_VERSION and the
 * versions it does know, for the server to send as v0.
 *
 * The one feature (KIP-584) is `transaction.version` 2 (KIP-890), which is always on.
 */

import { noFilter } from '../../backend/access-filter.ts'
import type { RequestContext } from '../../backend/request-context.ts'
import {
  type ApiVersionsRequest,
  type ApiVersionsResponse,
  apiVersions,
  createApiVersionsResponse,
  createApiVersionsResponseApiVersion,
  createApiVersionsResponseFinalizedFeatureKey,
  createApiVersionsResponseSupportedFeatureKey,
} from '../../protocol/messages/generated/api-versions.ts'
import { errorCodes } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'advertisedApis'>

const transactionVersion = { name: 'transaction.version', level: 2 }

const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/

function handleApiVersions(
  services: Services,
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
    ...features(version),
  })
}

/** Clients of v3 fail on a feature whose lowest level is 0 (KIP-1022). */
function features(version: number): Partial<ApiVersionsResponse> {
  const { name, level } = transactionVersion
  const supported = { name, minVersion: 0, maxVersion: level }
  return {
    supportedFeatures:
      version >= 4 ? [createApiVersionsResponseSupportedFeatureKey(supported)] : [],
    finalizedFeaturesEpoch: 0n,
    finalizedFeatures: [
      createApiVersionsResponseFinalizedFeatureKey({
        name,
        maxVersionLevel: level,
        minVersionLevel: level,
      }),
    ],
  }
}

export const apiVersionsApi = served({
  api: apiVersions,
  filter: noFilter,
  handle: handleApiVersions,
})
