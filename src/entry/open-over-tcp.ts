/** The connection to a cluster over TCP: what only Node, Bun and Deno can. Its code is loaded with the first exchange. */

import type { ResolvedClientConfig } from '../client/config.ts'
import type { Connection } from '../connection/connection.ts'
import { LazyConnection } from '../connection/lazy.ts'
import type { SaslCredentials } from '../connection/sasl/mechanism.ts'
import { maskPassword, parseKafkaUrl } from '../connection/tcp/address.ts'
import { isLoopback } from '../core/loopback.ts'
import { invalid } from '../core/options.ts'
import { environment } from './environment.ts'
import type { LoadPost } from './open-over-http.ts'

/** Bun and Deno have these modules, too, but their own `fetch` is the faster way; a proxy of Node's only `fetch` knows. */
export const loadPost: LoadPost = async (hasTls, tls, runtime) => {
  const isFetchBetter =
    'Bun' in globalThis || 'Deno' in globalThis || environment().NODE_USE_ENV_PROXY !== undefined
  if (!tls && isFetchBetter) return undefined
  const { postByNode } = await import('../connection/http/node-post.ts')
  return postByNode(hasTls, tls, runtime)
}

/** Throws `ConfigError`. */
export function openOverTcp(config: ResolvedClientConfig): Connection {
  const { url, urlName, clientId, runtime, timeout, tls } = config
  const { hasTls, bootstrap, sasl } = parseKafkaUrl(url, urlName)
  if (sasl && config.sasl)
    throw invalid(`ClientConfig.sasl and ${urlName} both have a user; remove one`)
  const user = config.sasl ?? sasl
  if (user && config.apiKey)
    throw invalid(`ClientConfig.apiKey and a user with a password exclude each other`)
  if (config.apiKey && !hasTls && !bootstrap.every(({ host }) => isLoopback(host))) {
    throw invalid(
      `ClientConfig.apiKey would be sent unencrypted over the network: use kafka+tls:// instead of kafka://`,
    )
  }
  const key = config.apiKey === undefined ? undefined : credentialsOf(config.apiKey)
  return new LazyConnection(maskPassword(url), async () => {
    const { TcpConnection } = await import('../connection/tcp/tcp.ts')
    return new TcpConnection({
      url: maskPassword(url),
      bootstrap,
      clientId,
      runtime,
      timeoutMs: timeout,
      tls: hasTls ? (tls ?? {}) : undefined,
      sasl: user ?? key,
    })
  })
}

/** As `kafka-do serve` takes an API key on its Kafka port. */
function credentialsOf(apiKey: string): SaslCredentials {
  const [prefix, id, secret, checksum] = apiKey.split('_')
  if (prefix !== 'kd' || !id || !secret || !checksum) {
    throw invalid(
      'ClientConfig.apiKey is not a kafka-do key, or is truncated: keys look like kd_…_…_…; for the user and password of another broker use sasl',
    )
  }
  return { mechanism: 'PLAIN', username: id, password: apiKey }
}
