/**
 * What is known of one API: its key, its versions, and how its messages are written and read. The
 * generated files in `messages/` each export one of these, e.g. `metadata: Api<MetadataRequest, MetadataResponse>`.
 */
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

export interface Api<Request, Response> {
  readonly name: string
  readonly key: number
  readonly minVersion: number
  readonly maxVersion: number
  /** First version with tagged fields and compact lengths (KIP-482); maxVersion + 1 when there is none. */
  readonly flexibleFrom: number
  encodeRequest(writer: ByteWriter, message: Request, version: number): void
  decodeRequest(reader: ByteReader, version: number): Request
  encodeResponse(writer: ByteWriter, message: Response, version: number): void
  decodeResponse(reader: ByteReader, version: number): Response
}
