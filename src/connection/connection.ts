/**
 * The one seam between client and broker: a typed request goes to a node, a typed response comes back.
 * Embedded, tcp and http implement it; mocks, faults and measuring wrap it.
 */
import type { BackupRequest } from '../backend/backend.ts'
import type { Api } from '../protocol/api.ts'

export interface ExchangeOptions {
  /** The node that must answer; undefined: any node. */
  nodeId?: number | undefined
  /** Cancels the wait; rejects with the signal's reason. The request may still take effect. */
  signal?: AbortSignal | undefined
  /** Give up after this many milliseconds with `TimeoutError`; default: the connection's own. */
  timeoutMs?: number | undefined
  /**
   * Requests of one lane wait for each other at a broker; those of different lanes do not. For requests that take their
   * time there (fetches, joins), a name of the caller's own. Default: the lane that all others share.
   */
  lane?: string | undefined
  /** Newest version of the API that may be used; default: the newest that both sides know. */
  maxVersion?: number | undefined
  /** The request has no response (Produce with acks=0): resolves with undefined once handed over. */
  oneWay?: boolean
}

export interface Connection {
  /** The URL as given, for messages. */
  readonly url: string
  /**
   * Sends `request` and resolves with the response. Errors inside a response are the caller's to read;
   * this rejects only with `DisconnectedError`, `TimeoutError`, `ClosedError` or the signal's reason.
   * Where the content depends on the version in use, pass a function of it.
   */
  exchange<Request, Response>(
    api: Api<Request, Response>,
    request: Request | ((version: number) => Request),
    options?: ExchangeOptions,
  ): Promise<Response>
  /** A backup, as `Backend.backup` gives it. Left out: it cannot be had this way. */
  backup?(request: BackupRequest): AsyncGenerator<Uint8Array, void, undefined>
  /** No more is asked in this lane: what was kept for it is let go of, once what is under way is answered. */
  releaseLane(lane: string): void
  /** Idempotent. Waits for what is in flight to be answered or to fail. */
  close(): Promise<void>
}
