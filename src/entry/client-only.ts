/** kafka-do/client: the client without an embedded broker. */
import { BaseClient } from '../client/client.ts'
import type { ClientConfig } from '../client/config.ts'
import { refuseMore } from '../core/options.ts'
import { openOverHttp } from './open-over-http.ts'
import { loadPost, openOverTcp } from './open-over-tcp.ts'
import { composeRemote, type Openers } from './remote-client.ts'

export type { ClientConfig } from '../client/config.ts'
export * from './client-parts.ts'

const openers: Openers = {
  https: (config) => openOverHttp(config, loadPost),
  http: (config) => openOverHttp(config, loadPost),
  'kafka+tls': openOverTcp,
  kafka: openOverTcp,
}

/**
 * A client of a remote cluster or service. In browsers and at the edge its URL is `https://` or `http://`; elsewhere
 * also `kafka://` or `kafka+tls://`.
 * @example
 * const kafka = new Client({ url: 'https://events.example.com', apiKey })
 * await kafka.produce('orders', { orderId: '123', amount: 99.99 })
 */
export class Client extends BaseClient {
  /** A config, or only its URL. Throws `ConfigError`, naming the key, for a config it cannot use. */
  constructor(config?: ClientConfig | string | URL)
  constructor(config?: ClientConfig | string | URL, ...more: unknown[]) {
    refuseMore(more, `new Client({ url: '…', clientId: '…' })`)
    const composed = composeRemote(config, openers)
    super(composed.config, composed.connection)
  }
}
