/** Who sent a request, by which door, and in which version. */
import type { Endpoint } from './services.ts'

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
  /** Where clients reach this node by the door that the request came in at; default: the broker's own. */
  readonly advertised?: Endpoint
}
