/** The connection to a service over HTTP, for any JavaScript runtime. */
import type { ResolvedClientConfig } from '../client/config.ts'
import type { Connection } from '../connection/connection.ts'
import { parseServiceUrl } from '../connection/http/http-url.ts'
import type { Post } from '../connection/http/post.ts'
import { LazyConnection } from '../connection/lazy.ts'
import type { TlsOptions } from '../connection/tls-options.ts'
import { invalid } from '../core/options.ts'

/** How to post with certificates of the caller's choice, which `fetch` cannot be given. */
export type LoadPostWithTls = () => Promise<(tls: TlsOptions) => Post>

/** Throws `ConfigError`. Nothing is sent before the first exchange. `loadPostWithTls`: undefined where there is no such way. */
export function openOverHttp(
  config: ResolvedClientConfig,
  loadPostWithTls: LoadPostWithTls | undefined,
): Connection {
  const { url, urlName, apiKey, clientId, runtime, timeout, tls } = config
  const service = parseServiceUrl(url, urlName)
  if (tls && !loadPostWithTls)
    throw invalid(
      'ClientConfig.tls cannot be used here: the platform decides which certificates it trusts',
    )
  return new LazyConnection(url, async () => {
    const { HttpConnection } = await import('../connection/http/http-connection.ts')
    const post = tls && (await loadPostWithTls!())(tls)
    return new HttpConnection({ url, service, apiKey, clientId, runtime, timeoutMs: timeout, post })
  })
}
