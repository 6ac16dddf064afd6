/** Requests of a connection decoded, and answers encoded, where ApiVersions and acks=0 are special. */

import type { Api } from '../protocol/api.ts'
import type { ByteReader } from '../protocol/byte-reader.ts'
import { errorFrom } from '../protocol/error-codes.ts'
import { decodeRequestBody, encodeResponseFrame, type RequestHeader } from '../protocol/frame.ts'
import {
  type ApiVersionsRequest,
  apiVersions,
  createApiVersionsRequest,
} from '../protocol/messages/generated/api-versions.ts'
import {
  type ProduceRequest,
  type ProduceResponse,
  produce,
} from '../protocol/messages/generated/produce.ts'
import type { BackendApi } from './backend.ts'
import { isAccepted, versionNotServed } from './not-served.ts'
import type { Session } from './session.ts'

/** Throws for a version that is not served, and what is wrong with the bytes. */
export function readRequest(served: BackendApi, version: number, reader: ByteReader): unknown {
  if (isAccepted(served, version)) return decodeRequestBody(served.api, version, reader)
  // Answered all the same, with what is served (KIP-511).
  if (isApiVersions(served.api)) return createApiVersionsRequest()
  throw versionNotServed(served, version)
}

/** Throws `KafkaError` when nothing must be sent but the client has to learn of a failure. */
export function encodeAnswer(
  api: Api<unknown, unknown>,
  { apiVersion, correlationId }: RequestHeader,
  request: unknown,
  response: unknown,
): readonly Uint8Array[] {
  if (api.key === produce.key && (request as ProduceRequest).acks === 0) {
    return noAnswer(response as ProduceResponse)
  }
  // In a version that is too new, ApiVersions is answered in the oldest: the client learns what is served (KIP-511).
  const version = isApiVersions(api) && apiVersion > api.maxVersion ? 0 : apiVersion
  return encodeResponseFrame(api, version, correlationId, response)
}

/** With acks=0 the end of the connection is the only way to tell a producer that it should look for the leader again. */
function noAnswer({ responses }: ProduceResponse): readonly Uint8Array[] {
  for (const { partitionResponses } of responses) {
    const failed = partitionResponses.find(({ errorCode }) => errorCode !== 0)
    if (failed) throw errorFrom(failed.errorCode, { message: failed.errorMessage })
  }
  return []
}

export function isApiVersions(api: Api<unknown, unknown>): boolean {
  return api.key === apiVersions.key
}

/** Clients tell from v3 on (KIP-511). */
export function noteSoftware(session: Session, request: ApiVersionsRequest): void {
  const { clientSoftwareName: name, clientSoftwareVersion: version } = request
  if (name !== '') session.clientSoftware = { name, version }
}
