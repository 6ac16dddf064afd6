/**
 * What stands behind a listener: it serves typed Kafka requests. A `Broker` is one; so is another cluster, reached over a
 * `Connection`. A listener is given a backend and knows no table of APIs.
 */
import type { Api } from '../protocol/api.ts'
import type { AccessFilter } from './access-filter.ts'
import type { RequestContext } from './request-context.ts'

/** Versions of one API. */
export interface VersionRange {
  readonly minVersion: number
  readonly maxVersion: number
}

/** An API that a backend serves. */
// biome-ignore lint/suspicious/noExplicitAny: a list holds APIs of all requests; each entry agrees within itself.
export interface BackendApi<Request = any, Response = any> {
  readonly api: Api<Request, Response>
  /** Versions that are answered. */
  readonly accepted: VersionRange
  /** Versions that ApiVersions tells; some clients need to be told of more. */
  readonly advertised: VersionRange
  readonly filter: AccessFilter<Request, Response>
}

/** A response and what the listener does besides sending it. */
export interface Answer<Response> {
  readonly response: Response
  /** How long the listener hears nothing on the connection after it has sent this (KIP-219), milliseconds; 0: it goes on. */
  readonly throttleMs: number
}

/** What a backup is to be like. */
export interface BackupRequest {
  /** The manifest of an earlier one: what it has is left out. Throws `CorruptDataError` for one that cannot be read. */
  readonly previous?: Uint8Array | undefined
  /** Default: as fast as it is taken. */
  readonly maxBytesPerSecond?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** What goes wrong in the middle is told by the last bytes, for streams that cannot fail otherwise. */
  readonly tellsFailure?: boolean
}

export interface Backend {
  /** By key. */
  readonly apis: readonly BackendApi[]
  /** The API with this key; undefined when it is not served. */
  servedApi(key: number): BackendApi | undefined
  /**
   * Answers a request. A client's mistake is an error code in the response. Rejects with `ClosedError` once the backend is
   * closing, and with `KafkaError` for what no response could express.
   */
  handle<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
    context: RequestContext,
  ): Promise<Answer<Response>>
  /**
   * All that is stored at the moment when the first piece is asked for, as a tar archive (src/backup). Whoever begins to read
   * it reads to the end, or ends it. Throws `KafkaError` SERVER_BUSY. Left out: the data is not here.
   */
  backup?(request: BackupRequest): AsyncGenerator<Uint8Array, void, undefined>
  /** Idempotent. Finishes what is in flight. */
  close(): Promise<void>
}
