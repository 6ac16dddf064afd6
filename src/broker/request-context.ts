/** Who sent a request, and in which version. */
export interface RequestContext {
  /** The version of the API that request and response are in. */
  readonly version: number
  readonly clientId: string | null
  /** Aborted when the caller is gone: long polls are dropped. */
  readonly signal?: AbortSignal
  /** As in Kafka, e.g. `User:alice`. */
  readonly principal: string
  /** The caller's address. */
  readonly host: string
}
