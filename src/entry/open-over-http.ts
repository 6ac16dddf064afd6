/** The connection to a service over HTTP, for any JavaScript runtime. */
import type { ResolvedClientConfig } from '../client/config.ts'
import type { Connection } from '../connection/connection.ts'
import { parseServiceUrl } from '../connection/http/http-url.ts'
import type { Post } from '../connection/http/post.ts'
import { LazyConnection } from '../connection/lazy.ts'
import type { TlsOptions } from '../connection/tls-options.ts'
import { invalid } from '../core/options.ts'
import type { Runtime } from '../core/runtime.ts'

/** How to post by Node's own modules; undefined: `fetch` does it better there. */
export type LoadPost = (
  hasTls: boolean,
  tls: TlsOptions | undefined,
  runtime: Runtime,
) => Promise<Post | undefined>

/** Throws `ConfigError`. Nothing is sent before the first exchange. `loadPost`: undefined where there is only `fetch`. */
export function openOverHttp(
  config: ResolvedClientConfig,
  loadPost: LoadPost | undefined,
): Connection {
  const { url, urlName, apiKey, clientId, runtime, timeout, tls } = config
  const service = parseServiceUrl(url, urlName)
  if (tls && !loadPost)
    throw invalid(
      'ClientConfig.tls cannot be used here: the platform decides which certificates it trusts',
    )
  return new LazyConnection(url, async () => {
    const { HttpConnection } = await import('../connection/http/http-connection.ts')
    const post = await loadPost?.(service.base.startsWith('https:'), tls, runtime)
    return new HttpConnection({ url, service, apiKey, clientId, runtime, timeoutMs: timeout, post })
  })
}
