/**
 * What is known of one API: its key, its versions, and how its messages are written and read. The
 * generated files in `messages/` each export one of these, e.g. `metadata: Api<MetadataRequest, MetadataResponse>`.
 */
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

export interface ApiIdentity {
  readonly name: string
  readonly key: number
  readonly minVersion: number
  /** Newest version that Kafka calls stable. */
  readonly maxVersion: number
}

export interface Api<Request, Response> extends ApiIdentity {
  /** First version with tagged fields and compact lengths (KIP-482); maxVersion + 1 when there is none. */
  readonly flexibleFrom: number
  encodeRequest(writer: ByteWriter, message: Request, version: number): void
  decodeRequest(reader: ByteReader, version: number): Request
  encodeResponse(writer: ByteWriter, message: Response, version: number): void
  decodeResponse(reader: ByteReader, version: number): Response
}

/** A message that travels or is stored inside other messages' bytes, e.g. a consumer's subscription. */
export interface DataMessage<T> {
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
  encode(writer: ByteWriter, message: T, version: number): void
  decode(reader: ByteReader, version: number): T
}

/** The fields that a caller gives to a message's factory; what is absent or undefined gets its default. */
export type Fields<T> = { readonly [K in keyof T]?: T[K] | undefined }
