/**
 * One request or response as it travels: a length (int32), a header, the message. Sans I/O; splitting a stream into
 * frames is `FrameSplitter`'s.
 *
 * Headers: a request's has tagged fields (v2) from the first flexible version of its API on; so has a response's (v1),
 * except that of ApiVersions, which must be readable before versions are agreed on (KIP-511).
 */
import { CorruptDataError } from '../core/errors.ts'
import type { Api } from './api.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { apiVersions } from './messages/generated/api-versions.ts'

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  /** The response carries the same number. */
  readonly correlationId: number
  readonly clientId: string | null
}

/** Records of this size and more are handed to the socket as they are; copying less is cheaper than another piece. */
const attachFromBytes = 4096
const initialBytes = 512
/** Kafka's error code UNSUPPORTED_VERSION. */
const unsupportedVersion = 35

/** The frame, as pieces to be sent one after the other. Large byte values are referred to, not copied. */
export function encodeRequestFrame<Request>(
  api: Api<Request, unknown>,
  header: Omit<RequestHeader, 'apiKey'>,
  request: Request,
): Uint8Array[] {
  const { apiVersion } = header
  const writer = new ByteWriter(initialBytes, attachFromBytes)
  const size = writer.reserveInt32()
  writer.writeInt16(api.key)
  writer.writeInt16(apiVersion)
  writer.writeInt32(header.correlationId)
  writer.writeNullableString(header.clientId, false)
  if (apiVersion >= api.flexibleFrom) writer.writeUnsignedVarint(0)
  api.encodeRequest(writer, request, apiVersion)
  writer.patchInt32(size, writer.totalBytes - 4)
  return writer.finishParts()
}

/** See `encodeRequestFrame`. */
export function encodeResponseFrame<Response>(
  api: Api<unknown, Response>,
  version: number,
  correlationId: number,
  response: Response,
): Uint8Array[] {
  const writer = new ByteWriter(initialBytes, attachFromBytes)
  const size = writer.reserveInt32()
  writer.writeInt32(correlationId)
  if (hasTaggedResponseHeader(api, version)) writer.writeUnsignedVarint(0)
  api.encodeResponse(writer, response, version)
  writer.patchInt32(size, writer.totalBytes - 4)
  return writer.finishParts()
}

/**
 * The part of a request's header that all versions share; `reader` stands after it. What follows depends on the API:
 * `decodeRequestBody`. Throws `CorruptDataError`.
 */
export function decodeRequestHeader(reader: ByteReader): RequestHeader {
  const apiKey = reader.readInt16()
  const apiVersion = reader.readInt16()
  const correlationId = reader.readInt32()
  const clientId = reader.readNullableString(false)
  return { apiKey, apiVersion, correlationId, clientId }
}

/**
 * Throws `CorruptDataError`. Bytes that are left over are passed by, as Apache Kafka does: librdkafka sends three too many
 * when it asks for the metadata of all topics (v9 and later).
 */
export function decodeRequestBody<Request>(
  api: Api<Request, unknown>,
  version: number,
  reader: ByteReader,
): Request {
  if (version >= api.flexibleFrom) reader.skipTaggedFields()
  return api.decodeRequest(reader, version)
}

/** The number that tells which request a response (a frame without its length) answers. */
export function correlationIdOf(frame: Uint8Array): number {
  return new ByteReader(frame).readInt32()
}

/** `frame` is without its length. Throws `CorruptDataError`. */
export function decodeResponseFrame<Response>(
  api: Api<unknown, Response>,
  version: number,
  frame: Uint8Array,
): Response {
  const reader = new ByteReader(frame, 4)
  if (hasTaggedResponseHeader(api, version)) reader.skipTaggedFields()
  const response = api.decodeResponse(reader, isInOldest(api, frame) ? 0 : version)
  if (reader.remaining > 0) throw leftOver(`${api.name} v${version}`, reader.remaining)
  return response
}

/** A broker that does not know the version of an ApiVersions request answers in v0, whatever was asked (KIP-511). */
function isInOldest(api: Api<unknown, unknown>, frame: Uint8Array): boolean {
  if (api.key !== apiVersions.key) return false
  return new ByteReader(frame, 4).readInt16() === unsupportedVersion
}

function hasTaggedResponseHeader(api: Api<unknown, unknown>, version: number): boolean {
  return version >= api.flexibleFrom && api.key !== apiVersions.key
}

function leftOver(what: string, bytes: number): CorruptDataError {
  return new CorruptDataError(
    `A ${what} response has ${bytes} bytes too many: the broker does not speak this version of Kafka's protocol`,
    { code: 'CORRUPT_MESSAGE' },
  )
}
