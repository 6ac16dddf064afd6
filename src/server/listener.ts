import type { TlsConfig } from './listener-config.ts'

/**
 * A way in: something that listens, takes what comes and hands it to a backend. It is open from the moment it is there,
 * says where it is, stops accepting when it is told to, and drains.
 */
export interface Listener {
  readonly kind: 'kafka' | 'http' | 'management'
  readonly name: string
  /** The address that is listened at. */
  readonly host: string
  readonly port: number
  /** For clients, with the address that they are told to connect to. */
  readonly url: string
  /** Open connections now. */
  readonly connections: number
  /** Shows another certificate from now on, to clients that connect anew. For a listener with TLS. */
  renewCertificate(tls: TlsConfig): void
  /** Takes no further connection and no further request. Idempotent. */
  stopAccepting(): void
  /** Stops accepting, and resolves when the last connection has taken its answers or has been given up. */
  ended(): Promise<void>
}

/** A listener as returned by `Server.listeners`. */
export type ListenerStatus = Pick<
  Listener,
  'kind' | 'name' | 'host' | 'port' | 'url' | 'connections'
>

export function statusOf({ kind, name, host, port, url, connections }: Listener): ListenerStatus {
  return { kind, name, host, port, url, connections }
}
