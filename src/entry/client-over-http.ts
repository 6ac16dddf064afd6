/** kafka-do/client where there are no sockets: in browsers and at the edge. The types are those of `client-only.ts`. */
import { BaseClient } from '../client/client.ts'
import type { ClientConfig } from '../client/config.ts'
import { refuseMore } from '../core/options.ts'
import { openOverHttp } from './open-over-http.ts'
import { composeRemote, type Openers } from './remote-client.ts'

export type { ClientConfig } from '../client/config.ts'
export * from './client-parts.ts'

const openers: Openers = {
  https: (config) => openOverHttp(config, undefined),
  http: (config) => openOverHttp(config, undefined),
}

/**
 * A client of a remote cluster or service. Its URL is `https://` or `http://`.
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
